"""TODO chalicelib.core.model.conversations."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.core.model.actors import Actor, ParticipantType, Role

JoinPolicy = Literal["invite", "open"]


class ConversationState(enum.StrEnum):
    """Where a conversation is in its life. Only a live one exists for anybody."""

    LIVE = "live"
    CLOSED = "closed"
    """Left by all; its items go after a while."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a conversation's log, with all that every append must know."""

    conversation_id: str
    sequence_id: int
    message_count: int
    """How many of the events up to here are messages."""
    last_message: int
    """The sequence id of the newest message, 0 if there is none."""
    updated_at: int
    participant_count: int
    roster_version: int
    """Moves with every change of who is in and in which role."""
    state: ConversationState = ConversationState.LIVE
    departed: Mapping[str, int] = field(default_factory=dict)
    """Who has gone, and by which event, as long as subscriptions of theirs may still lie about."""
    contended_until: int = 0
    """Until when writers should queue rather than race, because the last ones collided."""
    is_provisional: bool = False
    """Made in several steps, of which the last has not been seen to finish (see `Creation`)."""
    revision: int = 0
    """Moves when something that is kept is rewritten beside the log (`redaction.py`): no append stands that was
    based on what was read before."""
    expired_up_to: int = 0
    """Up to which event contents are past retention (`retention.py`)."""


@dataclass(frozen=True, slots=True)
class ConversationDetails:
    """What is said about a conversation, apart from its log."""

    conversation_id: str
    title: str
    join_policy: JoinPolicy
    metadata: dict[str, Any]
    created_at: int
    created_by: str
    retention_days: int | None = None
    """After how many days contents go; None: as the deployment has it."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One person's place in one conversation."""

    conversation_id: str
    participant_id: str
    name: str
    type: ParticipantType
    role: Role
    joined_at: int
    epoch: int
    read_up_to: int
    read_message_count: int
    """How many of the events up to `read_up_to` are messages."""
    muted_until: int = 0
    """Until when they may not say anything; 0 if nobody has muted them."""

    @property
    def actor(self) -> Actor:
        """The member as an actor."""
        return Actor(self.participant_id, self.name, self.type)


@dataclass(frozen=True, slots=True)
class PastMembership:
    """What is kept of a place that somebody left, for when they return."""

    read_up_to: int
    read_message_count: int
    muted_until: int = 0
    """Leaving and returning does not end a mute."""
