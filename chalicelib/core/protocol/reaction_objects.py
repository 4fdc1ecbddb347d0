"""The object of a reaction in responses. `serializers.py` builds it; the published documents describe it."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.core.protocol.fields import EventSequenceId, example
from chalicelib.core.protocol.object_fields import Text


class ReactionDetail(TypedDict):
    """A participant's reaction to a message."""

    participant_id: Annotated[Text, example("bob")]
    """The id of the participant who reacted."""
    emoji: Annotated[Text, example("👍")]
    """The reaction."""
    sequence_id: Annotated[EventSequenceId, example(3)]
    """The `sequence_id` of the `reaction_added` event."""
