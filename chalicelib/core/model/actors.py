"""TODO chalicelib.core.model.actors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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

    def as_actor(self, member: Membership) -> Actor:
        """The caller as an actor in a conversation: under the name of the credential, if it has one."""
        return Actor(member.participant_id, self.name or member.name, member.type)
