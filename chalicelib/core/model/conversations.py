"""Conversations: the head of the log, the details, and the memberships."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chalicelib.core.model.actors import Actor, ParticipantType, Role

JoinPolicy = Literal["invite", "open"]
DirectState = Literal["", "pending", "accepted"]
"""Whether a conversation is direct, and then whether both participants have been members."""
_ALL_SUBSCRIPTIONS = 1 << 62
"""An event after all others."""


class ConversationState(enum.StrEnum):
    """The state of a conversation. Only a live one is visible."""

    LIVE = "live"
    CLOSED = "closed"
    """All participants have left. Its items are deleted after a while."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a conversation's log, with everything that an append needs."""

    conversation_id: str
    sequence_id: int
    message_count: int
    """The number of messages in the log."""
    last_message: int
    """The sequence id of the newest message, 0 if there is none."""
    updated_at: int
    participant_count: int
    roster_version: int
    """Incremented when a participant joins, leaves or changes role."""
    state: ConversationState = ConversationState.LIVE
    departed: Mapping[str, int] = field(default_factory=dict)
    """Tombstones of members who left: by participant id the event, while old subscriptions may still exist."""
    contended_until: int = 0
    """Until when messages go into the queue, in milliseconds, because recent appends conflicted."""
    is_provisional: bool = False
    """Whether it is being created in several transactions, and the last one is not known to have succeeded."""
    revision: int = 0
    """Incremented when stored events are rewritten (`redaction.py`): an append based on an earlier read fails."""
    expired_up_to: int = 0
    """The last event whose content has expired (`retention.py`)."""
    active_at: int = 0
    """When the newest message was appended, or the conversation created, in milliseconds: the order of lists."""
    event_sizes: str = ""
    """The sizes of the newest events (`event_sizes.py`)."""
    direct: DirectState = ""
    opener_messages: int = 0
    """Messages of the opener of a direct conversation before it is accepted; those of services do not count."""
    blockers: frozenset[str] = frozenset()
    """The participants of a direct conversation who block the other one."""
    audited_at: int = 0
    """The time in milliseconds, as it orders them, of the newest audit entry that belongs to no append."""

    @property
    def excluded(self) -> Mapping[str, int]:
        """The participants to whom nothing is pushed: `departed`, and those who block the other one."""
        return (
            {**self.departed, **dict.fromkeys(self.blockers, _ALL_SUBSCRIPTIONS)}
            if self.blockers
            else self.departed
        )


@dataclass(frozen=True, slots=True)
class ConversationDetails:
    """The details of a conversation, apart from its log."""

    conversation_id: str
    title: str
    join_policy: JoinPolicy
    metadata: dict[str, Any]
    created_at: int
    created_by: str
    retention_days: int | None = None
    """After how many days content expires; None: as configured for the deployment."""


class OtherParticipant(NamedTuple):
    """A note of the other participant of a direct conversation: lists read no more than the membership."""

    participant_id: str
    name: str
    type: ParticipantType
    avatar_url: str | None = None
    profile_version: int = 0
    """The version of the profile that `name` and `avatar_url` are from; 0: there is none."""
    expires_at: int = 0
    """When the conversation ceases to be offered to an invitee (epoch seconds); 0: it is accepted."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The membership of a participant in a conversation."""

    conversation_id: str
    participant_id: str
    name: str
    type: ParticipantType
    role: Role
    joined_at: int
    epoch: int
    read_up_to: int
    read_message_count: int
    """The number of messages up to `read_up_to`."""
    muted_until: int = 0
    """When the mute ends, in milliseconds; 0 if the member is not muted."""
    own_unread: frozenset[int] = frozenset()
    """The newest own messages after `read_up_to`, `MAX_OWN_UNREAD` at most: they do not count as unread."""
    own_obsolete: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    """Own messages that the store need not keep any more, by the set that has them (`membership_items.py`)."""
    is_added: bool = False
    """Whether another participant has added the member, who has not accepted it."""
    is_service: bool = False
    """Whether this stands for a service, which is a member of no conversation: it is never stored as one."""
    archived: bool = False
    """Whether the member has archived the conversation."""
    pinned: bool = False
    """Whether it comes first in the member's list."""
    notifications_muted: bool = False
    """Whether the member wants no notifications of it. The roster entry repeats it, for events that leave the
    deployment."""
    hidden_at: int = 0
    """The head at which the member of a direct conversation left it: it is hidden up to the next message."""
    other: OtherParticipant | None = None
    """The other participant of a direct conversation; None after their erasure."""
    avatar_url: str | None = None
    """That of the profile, in roster entries only."""
    profile_version: int = 0
    """The version of the profile that `name` and `avatar_url` are from; 0: there is none."""

    def hides(self, head: Head) -> bool:
        """Return whether a conversation is hidden from the member's list."""
        return 0 < self.hidden_at >= head.last_message or self.participant_id in head.blockers

    def name_beside(self, name: str | None) -> str:
        """Return the name of the member, whose token has `name`: that of the profile comes first."""
        return self.name if self.profile_version or not name else name

    @property
    def actor(self) -> Actor:
        """The member as an actor."""
        return Actor(self.participant_id, self.name, self.type)

    def as_other(self, avatar_url: str | None) -> OtherParticipant:
        """Return what the other participant of a direct conversation notes of this one, with the avatar."""
        return OtherParticipant(self.participant_id, self.name, self.type, avatar_url, self.profile_version)


class PastMembership(NamedTuple):
    """The part of an ended membership that is kept, in case the participant returns.

    Of an erased participant only the sanctions are kept, under a digest of the id.
    """

    read_up_to: int | None
    """None after an erasure."""
    read_message_count: int
    muted_until: int = 0
    """Leaving and returning does not end a mute."""
    own_unread: frozenset[int] = frozenset()
    """As in `Membership`."""
    removed_at_event: int = 0
    """The sequence id of the member's removal by another member; 0 if they left."""
