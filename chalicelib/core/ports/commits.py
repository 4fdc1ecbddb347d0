"""TODO chalicelib.core.ports.commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.events import Event, MessageState, Reaction
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord
from chalicelib.core.model.moderation import AuditEntry, Ban, Invite
from chalicelib.core.model.privacy import ErasureCommit


@dataclass(frozen=True, slots=True)
class MessageAppend:
    """A message within a `Commit`: it stands only if its sender is a member and it was not sent before."""

    event: Event
    member: Membership
    key: IdempotencyKey | None
    queued_as: str | None = None
    """Its id in the queue, from which it is taken by the same write."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One append to a log, with all that belongs to it: everything of it happens, or nothing.

    It stands only if the head is still `old`; then the head is `new`, and `events` lie between the two.
    """

    old: Head
    new: Head
    events: Sequence[Event] = ()
    """The events that are no sends, numbered."""
    messages: Sequence[MessageAppend] = ()
    guard: Membership | None = None
    """The member who acts: must still be one, in this role."""
    joining: Sequence[Membership] = ()
    leaving: Sequence[Membership] = ()
    changing: Sequence[Membership] = ()
    """Members whose role or mute changes, as they are to be."""
    banning: Sequence[Ban] = ()
    unbanning: Sequence[Ban] = ()
    invite: Invite | None = None
    """By which somebody joins: it must hold when the commit does, and is used once more."""
    details: ConversationDetails | None = None
    purge_at: int | None = None
    """When (epoch seconds) the conversation is to be cleared away, if this ends it."""
    message_states: Mapping[int, MessageState] = field(default_factory=dict)
    """New states of messages, by their sequence ids."""
    redacted: Sequence[tuple[Event, int]] = ()
    """Stored events that lose what they said, as they are from now on, each with the `Logged.deletion` to keep."""
    reactions_added: Sequence[Reaction] = ()
    reactions_removed: Sequence[Reaction] = ()
    audit: Sequence[AuditEntry] = ()
    erasure: ErasureCommit | None = None
    """Somebody who goes for good, with what is known of them."""
    retention_check_at: int | None = None
    """When (epoch seconds) the conversation is to be looked at for contents past retention, if that changes."""


class HeadConflict(Exception):
    """Somebody else appended first; `current` is the head as it is now, None if there is none."""

    def __init__(self, current: Head | None) -> None:
        super().__init__("the head has moved")
        self.current = current


class WriteConflict(Exception):
    """Another write to the same items was under way; nothing happened, and how things are is not known."""


@dataclass
class PreconditionFailed(Exception):
    """The head stood, but something else that the commit asks for did not hold; nothing happened."""

    duplicates: Mapping[int, IdempotencyRecord] = field(default_factory=dict)
    """Sends (by index) that are in the log already."""
    dequeued: Collection[int] = ()
    """Sends that are no longer in the queue."""
    stale_memberships: Collection[str] = ()
    """Participants whose membership is not what the commit takes it for."""
    erasing: Collection[str] = ()
    """Participants who cannot come in because they are being erased, or whose erasure is not what the commit takes
    it for."""


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A new conversation: becomes visible as a whole, or stays invisible and expires."""

    head: Head
    details: ConversationDetails
    event: Event
    members: Sequence[Membership]
    retention_check_at: int
    """When (epoch seconds) it is first to be looked at for contents past retention."""


@dataclass(frozen=True, slots=True)
class Purge:
    """A conversation that is to be cleared away."""

    conversation_id: str
    due_at: int
