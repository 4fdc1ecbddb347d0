"""TODO chalicelib.core.model.actors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from chalicelib.core.kernel.text import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from chalicelib.core.model.conversations import Membership

Role = Literal["owner", "moderator", "member"]


ParticipantType = Literal["human", "agent"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody as an actor: the `sender` of events and the `participant` of frames."""

    participant_id: str
    name: str
    type: ParticipantType


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the authorizer says."""

    participant_id: str
    name: str | None

    def as_actor(self, member: Membership | None = None) -> Actor:
        """Return the principal as an actor: a member of a conversation, or a person who is not in it.

        The name is that of the credential; without one, the member's, or else the beginning of the participant id.
        """
        if member is None:
            return Actor(self.participant_id, self.name or self.participant_id[:MAX_NAME_LENGTH], "human")
        return Actor(member.participant_id, self.name or member.name, member.type)
