"""Direct conversations: of two participants, who have one conversation of this kind."""

from __future__ import annotations

from typing import NamedTuple


class DirectLink(NamedTuple):
    """The direct conversation of a participant with another one. Each of the two has a link."""

    participant_id: str
    other_id: str
    conversation_id: str
    """It may have ended, or the other participant may have been erased: then the two have none."""
    has_ended: bool = False
    """Whether a reader found that the conversation is purged."""


class NewPair(NamedTuple):
    """The participants of a new direct conversation."""

    opener_id: str
    other_id: str
    replaced: str = ""
    """The id of the conversation that the links name. Precondition: they still do, or there are none."""
