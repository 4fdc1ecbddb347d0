"""The links by which participants find their direct conversations."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.directs import DirectLink


class DirectStore(Protocol):
    """Links. Every read is strongly consistent. Creations write both links of a pair."""

    def link(self, participant_id: str, other_id: str) -> DirectLink | None:
        """Return the link of a participant to the direct conversation with another one."""
        ...

    def erase_links(self, participant_id: str) -> None:
        """Delete the links of a participant, those of the others to them, and what else names the participant.

        Raises:
            WriteConflict: some are left; the call can be repeated.
        """
        ...
