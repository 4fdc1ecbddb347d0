"""What the chat consists of, as it is kept: plain frozen values without behaviour of their own.

A conversation is a **log** of events numbered 1, 2, 3 …; `Head` is where it ends. Every durable change
is an event, and every event is appended by a write that moves the head from n to n + 1 by condition,
so that the log is contiguous at every moment and the head is exact (see `log.py`).

Times are whole milliseconds since the epoch. An **epoch** of a membership is the sequence id of the
event that began it: whoever leaves and returns gets a higher one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

Role = Literal["owner", "moderator", "member"]
ParticipantType = Literal["human", "agent"]
JoinPolicy = Literal["invite", "open"]

Event = dict[str, Any]
"""An event as it stands on the wire (`frames.Event` gives its fields)."""


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
class Actor:
    """Somebody as an actor: the `sender` of events and the `participant` of frames."""

    participant_id: str
    name: str
    type: ParticipantType


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


@dataclass(frozen=True, slots=True)
class Ban:
    """Somebody who must not come in again."""

    conversation_id: str
    participant_id: str
    name: str | None
    """As it was when they were in; None if they were not."""
    banned_by: str
    banned_at: int


@dataclass(frozen=True, slots=True)
class Invite:
    """A right to join for whoever has its secret, which is not kept: `invite_id` is a digest of it."""

    conversation_id: str
    invite_id: str
    created_by: str
    created_at: int
    expires_at: int
    """Epoch seconds."""
    max_uses: int | None
    """None: as often as anybody likes."""
    uses: int


AuditAction = Literal[
    "removed",
    "banned",
    "unbanned",
    "muted",
    "unmuted",
    "role_changed",
    "message_deleted",
    "conversation_updated",
    "invite_created",
    "invite_revoked",
    "invite_used",
]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """That somebody used a right of theirs, and on whom or what: by ids alone, never a text, never a secret."""

    action: AuditAction
    actor_id: str
    """A participant id."""
    participant_id: str | None = None
    """The id of whom it concerns."""
    target: int | None = None
    """The sequence id of the message it concerns."""
    role: Role | None = None
    muted_until: int | None = None
    invite_id: str | None = None
    sequence_id: int = 0
    """The sequence id of the event that says when it was; 0: the last one of its commit."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept."""

    entry: AuditEntry
    sequence_id: int
    """Of the event that it belongs to; of an act that is no event, the head of that moment."""
    created_at: int
    position: str
    """Where it stands among all entries."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What makes a send the same send: who, where, and the client's own id for it."""

    conversation_id: str
    participant_id: str
    client_message_id: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What came of a send; kept as long as the conversation."""

    message_id: str
    sequence_id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One WebSocket connection."""

    connection_id: str
    participant_id: str
    name: str | None
    token_expires_at: int
    """Epoch seconds."""
    connected_at: int
    last_seen: int
    generation: int = 1
    """Moves when a socket that was taken for gone speaks again."""
    is_active: bool = False
    """Whether a frame of it was handled: before that nothing can be posted to it."""
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A socket that hears a conversation."""

    conversation_id: str
    connection_id: str
    participant_id: str
    epoch: int
    generation: int
    token_expires_at: int
    subscribed_at: int


class RateLimitDecision(TypedDict):
    """What the rate limiter says of one more message."""

    allowed: bool
    retry_after: float
    charge_pending: bool
    """Allowed out of the burst: the message is still to be charged for."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the authorizer says."""

    participant_id: str
    name: str | None

    def as_actor(self, member: Membership) -> Actor:
        """The caller as an actor in a conversation: under the name of the credential, if it has one."""
        return Actor(member.participant_id, self.name or member.name, member.type)
