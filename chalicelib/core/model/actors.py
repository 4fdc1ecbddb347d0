"""Participants: as the caller of a request, and as an actor in a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.core.kernel.text import MAX_NAME_LENGTH, SYSTEM_ID

if TYPE_CHECKING:
    from chalicelib.core.model.conversations import Membership

SYSTEM_NAME = "System"
Role = Literal["owner", "moderator", "member"]
ParticipantType = Literal["human", "agent"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A participant, as the `sender` of an event or the `participant` of a frame."""

    participant_id: str
    name: str
    type: ParticipantType
    service: str | None = None
    """The client id of the service that acted, for the participant or as the system. Only the audit log has it."""

    def as_sender(self) -> dict[str, str]:
        """Return the actor as the `sender` of an event."""
        sender = {"participant_id": self.participant_id, "name": self.name, "type": self.type}
        if self.participant_id == SYSTEM_ID:
            return {**sender, "type": "system"}
        return sender if self.service is None else {**sender, "via": "service"}


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request, as the authorizer verified it."""

    participant_id: str
    name: str | None
    type: ParticipantType = "human"
    service: str | None = None
    """The client id of the service that acts for the participant; None: they act themselves."""

    @property
    def is_system(self) -> bool:
        """Whether a service acts for itself, with its rights in every conversation (`permissions.py`)."""
        return self.participant_id == SYSTEM_ID and self.service is not None

    def as_actor(self, member: Membership | None = None) -> Actor:
        """Return the principal as an actor: a member of a conversation, a person who is not in it, or the system.

        The name is that of the profile, else that of the credential, else the member's, else the beginning of the
        participant id. Of a person who is not in the conversation, `Standing` has that of the profile.
        The type is that of the credential, or the member's if a service acts for them.
        """
        if self.is_system:
            return Actor(SYSTEM_ID, SYSTEM_NAME, "agent", self.service)
        if member is None:
            name = self.name or self.participant_id[:MAX_NAME_LENGTH]
            return Actor(self.participant_id, name, self.type, self.service)
        kind = self.type if self.service is None else member.type
        return Actor(member.participant_id, member.name_beside(self.name), kind, self.service)


class TokenRules(NamedTuple):
    """Decisions of the deployment about a participant, which hold whatever their tokens contain."""

    revoked_at: int = 0
    """Tokens that were issued before this time (ms) are refused."""
    suspended_at: int = 0
    """Since when (ms) all tokens are refused, and no membership can begin; 0 without a suspension."""
    is_agent: bool = False
    """Whether the participant is registered as an agent."""

    def type_of(self, claimed: ParticipantType) -> ParticipantType:
        """Return the type of the participant, whose token claims one."""
        return "agent" if self.is_agent else claimed


@dataclass(frozen=True, slots=True)
class Service:
    """The caller of a request of services: a backend of the product, which is not a participant."""

    client_id: str

    def as_principal(self) -> Principal:
        """Return the service as the caller of a use case: its actions are those of the system."""
        return Principal(SYSTEM_ID, SYSTEM_NAME, service=self.client_id)
