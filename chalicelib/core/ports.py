"""What the core needs of the world: stores, the way to sockets, several things at once, somebody to tell.

The adapters in `chalicelib.aws` keep these promises. What a store raises beyond what is said here is
`errors.Unavailable`: the outcome of a write is then unknown, and repeating the whole request is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .data_ports import ErasureCommit
from .measures import Metric
from .messages import MessageState, Reaction, StoredEvent
from .model import (
    AuditEntry,
    AuditRecord,
    Ban,
    Connection,
    ConversationDetails,
    Event,
    Head,
    IdempotencyKey,
    IdempotencyRecord,
    Invite,
    Membership,
    PastMembership,
    RateLimitDecision,
    Subscription,
)

# ---- appending to a log --------------------------------------------------------------------------------


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
class QueuedMessage:
    """A message waiting in a conversation's queue."""

    queue_id: str
    queued_at: int
    event: Event
    """Without its number."""
    member: Membership
    key: IdempotencyKey


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


class ConversationStore(Protocol):
    """Conversations: who is in them and what was said. Every read is consistent unless it says otherwise."""

    def head(self, conversation_id: str) -> Head | None:
        """Where the log ends. None: there is no such conversation."""
        ...

    def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """The heads of those that are there."""
        ...

    def details(self, conversation_id: str) -> ConversationDetails | None:
        """What is said about the conversation."""
        ...

    def membership(self, conversation_id: str, participant_id: str) -> Membership | None:
        """The person's place in the conversation, None if there is none."""
        ...

    def memberships(self, conversation_ids: Sequence[str], participant_id: str) -> dict[str, Membership]:
        """The person's places in these conversations."""
        ...

    def memberships_in(self, conversation_id: str, participant_ids: Sequence[str]) -> dict[str, Membership]:
        """The places of these people in one conversation."""
        ...

    def memberships_of(self, participant_id: str) -> list[Membership]:
        """All the person's places, in no particular order; some may be of conversations that are no more."""
        ...

    def roster(self, conversation_id: str) -> list[Membership]:
        """Who is in, longest-standing first; read pointers are not filled in."""
        ...

    def past_membership(self, conversation_id: str, participant_id: str) -> PastMembership | None:
        """What is kept of somebody who was in before."""
        ...

    def event(self, conversation_id: str, sequence_id: int) -> StoredEvent | None:
        """One event."""
        ...

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterable[StoredEvent]:
        """The events from `first` to `last` as far as they are visible, lazily.

        A read of several items may see half of a commit that is under way: then events are missing.
        """
        ...

    def reaction(self, conversation_id: str, target: int, participant_id: str, emoji: str) -> Reaction | None:
        """Somebody's reaction to a message, if it is there."""
        ...

    def reactions(
        self, conversation_id: str, target: int, *, emoji: str | None, after: str | None, limit: int
    ) -> tuple[list[Reaction], str | None]:
        """Who reacted to a message, one emoji after another; where the next page begins, None if there is none.

        `emoji`: with which alone. `after`: what an earlier page gave for the next one.
        """
        ...

    def events_by_id(self, conversation_id: str, sequence_ids: Sequence[int]) -> list[StoredEvent]:
        """These events, in no particular order; at most 100."""
        ...

    def delete_reactions(self, conversation_id: str, target: int, limit: int) -> bool:
        """Remove up to `limit` reactions to a deleted message; whether that was all."""
        ...

    def load_summaries(self, heads: Sequence[Head]) -> tuple[dict[str, ConversationDetails], dict[str, Event]]:
        """For a page of a list: what is said about these conversations, and each one's newest message as it is."""
        ...

    def commit(self, commit: Commit) -> None:
        """Append.

        Raises:
            HeadConflict, WriteConflict, PreconditionFailed: nothing happened.
        """
        ...

    def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        """What came of a send."""
        ...

    def enqueue(self, queued: QueuedMessage) -> None:
        """Put a message into its conversation's queue."""
        ...

    def queued_messages(self, conversation_id: str, limit: int) -> list[QueuedMessage]:
        """The oldest messages of a conversation's queue."""
        ...

    def dequeue(self, conversation_id: str, queue_id: str) -> bool:
        """Take a message out of the queue; whether it was there."""
        ...

    def create(self, new: NewConversation) -> bool:
        """Make a conversation; whether that is all. If not, it stays only if `settle` follows within a day.

        Raises:
            WriteConflict: it is not visible; the same creation can be tried again.
            PreconditionFailed: some of its members are being erased; it never becomes visible.
        """
        ...

    def finalize_creation(self, conversation_id: str) -> None:
        """Finish a creation in several steps that is visible but may still expire.

        Raises:
            WriteConflict: not finished.
        """
        ...

    def move_read_pointer(self, member: Membership, read_up_to: int, read_messages: int) -> bool:
        """Move it forward. False: it stands there or beyond, or the membership is over."""
        ...

    def clear_departed(self, conversation_id: str, participant_id: str, event: int) -> None:
        """Drop the note that somebody went by this event: no subscription of theirs is left."""
        ...

    def delete(self, owner: Membership, *, purge_at: int) -> bool:
        """Mark a live conversation as deleted. False: it is not live, or `owner` is no owner of it.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def due_purges(self, now: int, limit: int) -> list[Purge]:
        """Conversations that are to be cleared away by now (epoch seconds), the longest due first."""
        ...

    def purge(self, purge: Purge, limit: int) -> bool:
        """Remove about `limit` items of a conversation that is no more; whether that was the last of it."""
        ...


class ModerationStore(Protocol):
    """Bans, invites, and the audit of a conversation. Every read is consistent."""

    def ban(self, conversation_id: str, participant_id: str) -> Ban | None:
        """The ban of somebody."""
        ...

    def bans(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Ban], str | None]:
        """Up to `limit` bans, in no meaningful order; where the next page begins, None if there is none.

        `after`: what an earlier page gave for the next one.
        """
        ...

    def invite(self, conversation_id: str, invite_id: str) -> Invite | None:
        """An invite that has not expired; it may be used up."""
        ...

    def invites(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Invite], str | None]:
        """Up to `limit` invites that have not expired, as `bans`."""
        ...

    def save_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry) -> bool:
        """Keep a new invite, with its entry in the audit at this head. False: `by` is not what it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def revoke_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry, now: int) -> bool:
        """Remove an invite, with an entry in the audit. False: it is not there, or `by` is not what it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def audit(self, conversation_id: str, after: int | str, limit: int) -> list[AuditRecord]:
        """Up to `limit` entries in rising order: after a sequence id, or after a position."""
        ...


class ConnectionStore(Protocol):
    """Sockets, what they hear, and what else lives for minutes. Every read is consistent."""

    def open(self, connection: Connection) -> None:
        """Keep a new socket."""
        ...

    def get(self, connection_id: str) -> Connection | None:
        """A socket."""
        ...

    def get_many(self, connection_ids: Sequence[str]) -> dict[str, Connection]:
        """Those of these sockets that are there."""
        ...

    def touch(self, connection: Connection, last_seen: int) -> None:
        """Note that it was heard."""
        ...

    def activate(self, connection: Connection, *, generation: int) -> bool:
        """Let its participant be reached by it. False: it is not there, or of a later generation."""
        ...

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a socket that was taken for gone; `activate` ends its being so.

        False: it is not there, of a later generation, or back already.
        """
        ...

    def mark_stale(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Take a socket for gone: nobody posts to it again unless it speaks. What it was subscribed to.

        None if it has spoken since that generation. `participant_id`, if it is known, helps to clear up after
        a socket that is not there any more.
        """
        ...

    def close(self, connection_id: str) -> tuple[Connection | None, list[Subscription]]:
        """Forget a socket and all it was subscribed to."""
        ...

    def refresh_token(self, connection: Connection, token_expires_at: int, name: str | None) -> bool:
        """Note a new token for a socket and all its subscriptions; whether the socket is there."""
        ...

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """The reachable sockets of a person, as subscriptions to nothing (`conversation_id` empty)."""
        ...

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Let a socket hear a conversation, if its person is a member at that epoch and the socket is there.

        The socket must be of that generation, and gone if and only if it is being revived.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def unsubscribe(self, connection_id: str, conversation_id: str) -> None:
        """End that, whether it was so or not.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def subscriptions_of_connection(self, connection_id: str) -> list[Subscription]:
        """What a socket has subscribed to, also while it is taken for gone."""
        ...

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Who hears a conversation."""
        ...

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """End all subscriptions of one person under memberships that began before this event."""
        ...

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Nobody hears this conversation any more."""
        ...

    def delete_participant(self, participant_id: str) -> None:
        """Remove all that lies under somebody's id: what is left of sockets and tickets, and their rate."""
        ...

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Remove that somebody was said to be writing, and that they went."""
        ...

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Keep who a ticket is for (participant, name and token expiry of `socket` count)."""
        ...

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Redeem a ticket: at most one caller ever gets it."""
        ...

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Whether one more message is within the rate: one each `interval` ms, `burst` at once."""
        ...

    def charge(self, participant_id: str, *, interval: int) -> None:
        """Pay for a message that came out of the burst."""
        ...

    def start_typing(self, conversation_id: str, participant_id: str, now: int, *, interval: int) -> bool:
        """Whether a push is due: none was for `every` ms."""
        ...

    def stop_typing(self, conversation_id: str, participant_id: str) -> bool:
        """Whether a push is due: the last one said that they write."""
        ...

    def record_pending_offline(self, conversation_id: str, participant_id: str, batch_id: str, now: int) -> None:
        """Note that the last socket of somebody went (at `now`, ms), in place of any earlier note."""
        ...

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Remove the note of somebody's going; when they went, None if there is none."""
        ...

    def claim_pending_offline(self, conversation_id: str, batch_id: str) -> list[str]:
        """Remove the notes under this mark; of whom they were. At most one caller ever gets each."""
        ...


class ConnectionPoster(Protocol):
    """Posting to sockets."""

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all these sockets at the same time, to each its frames in order; who of them is gone (410).

        Returns at `deadline` (by the monotonic clock) at the latest. Does not raise: what cannot be delivered
        in time is dropped, and its reader recovers by `sync`.
        """
        ...

    def close(self, connection_id: str) -> None:
        """Close a socket. Does not raise."""
        ...


class Observer(Protocol):
    """Who is told what happens, for the sake of operators. Does not raise, and costs next to nothing."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """It happened, so many times (none is nothing to tell) or with this value."""
        ...

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Say what this is about. Only ids that are known to be ones: what a client sent may be anything."""
        ...


class NullObserver:
    """An `Observer` that forgets."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Forget it."""

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Forget it."""


class Gather(Protocol):
    """Several things at once."""

    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """The results in the order of the calls, when all have finished; raises the first error."""
        ...
