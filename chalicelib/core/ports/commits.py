"""Writes of several items in one transaction, and the errors that prevent them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.event_sizes import sizes_after
from chalicelib.core.model.events import Event, MessageState, Reaction
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord

if TYPE_CHECKING:  # most commits have none of these
    from chalicelib.core.model.consent import PendingMembership, Standing
    from chalicelib.core.model.creations import CreationRecord
    from chalicelib.core.model.directs import NewPair
    from chalicelib.core.model.moderation import AuditEntry, Ban, Invite
    from chalicelib.core.model.privacy import ErasureCommit


class MessageAppend(NamedTuple):
    """A message within a commit. Preconditions: its sender is a member, and it is not in the log yet."""

    event: Event
    member: Membership
    """The sender, as read before; the commit changes the sender's read pointer as `PointerMove` describes, and
    the sender's name to that in the event."""
    key: IdempotencyKey | None
    queued_as: str | None = None
    """The id of the run in the queue that begins with the message.

    The commit removes the run from there, and fails if it is not there. None for the other messages of the run.
    """
    seen: int | None = None
    """The last event that the sender had seen, if the sender named it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One append to a log with everything that belongs to it, in one transaction.

    Precondition: the head is still `old`. Afterwards it is `new`, with `events` and `messages` in between.
    """

    old: Head
    new: Head
    events: Sequence[Event] = ()
    """All events but messages, with their sequence ids."""
    messages: Sequence[MessageAppend] = ()
    guard: Membership | None = None
    """The acting member. Precondition: the membership and its role are as read."""
    joining: Sequence[Membership] = ()
    standing: Standing | None = None
    """The standing of the joining member, if another one adds them. Precondition: it is as read."""
    conversations_cap: int = 0
    """How many conversations the member may have created or joined. Precondition, unless they are added."""
    accepted: PendingMembership | None = None
    """The pending membership that the joining member accepts. Precondition: it is still visible to them."""
    obsolete: Sequence[PendingMembership] = ()
    """All pending memberships that end by this commit."""
    obsolete_standing: Standing | None = None
    """The standing of their participant, who is banned. Precondition: it is as read, so these are all."""
    leaving: Sequence[Membership] = ()
    removed: bool = False
    """Whether the leaving members are removed by another member."""
    changing: Sequence[Membership] = ()
    """Members whose role or mute changes, with the new values."""
    noting: Sequence[Membership] = ()
    """Members of a direct conversation with a new note of the other one. Precondition: the profile is as read."""
    succeeding: Sequence[str] = ()
    """Members who become owner because the last one leaves. Precondition: they are not suspended."""
    banning: Sequence[Ban] = ()
    unbanning: Sequence[Ban] = ()
    invite: Invite | None = None
    """The invite by which the joining member joins. Precondition: it has neither expired nor been used up."""
    details: ConversationDetails | None = None
    purge_at: int | None = None
    """When (epoch seconds) to purge the conversation, if this commit closes it."""
    message_states: Mapping[int, MessageState] = field(default_factory=dict)
    """New states of messages, by sequence id."""
    redacted: Sequence[tuple[Event, int]] = ()
    """Stored events that lose their content: the tombstone of each, and the new `StoredEvent.deleted_by` or 0."""
    reactions_added: Sequence[Reaction] = ()
    reactions_removed: Sequence[Reaction] = ()
    audit: Sequence[AuditEntry] = ()
    erasure: ErasureCommit | None = None
    """The erasure of the participant who leaves by this commit."""
    retention_check_at: int | None = None
    """When (epoch seconds) to run the next retention check, if this commit changes that."""

    def __post_init__(self) -> None:
        """Record the sizes of the events in the new head."""
        appended = [*self.events, *(message.event for message in self.messages)]
        sizes = sizes_after(self.old.event_sizes, self.old.sequence_id, appended, self.message_states)
        object.__setattr__(self, "new", replace(self.new, event_sizes=sizes))


class HeadConflict(Exception):
    """Another append was first. `current` is the head after it, None if the conversation does not exist."""

    def __init__(self, current: Head | None) -> None:
        super().__init__("the head has moved")
        self.current = current


class WriteConflict(Exception):
    """Another write to the same items was in progress. Nothing was written; the present state is not known."""


@dataclass
class PreconditionFailed(Exception):
    """The head was as expected, but another precondition of the commit failed. Nothing was written."""

    duplicates: Mapping[int, IdempotencyRecord] = field(default_factory=dict)
    """Messages, by index, that are already in the log."""
    stale_memberships: Collection[str] = ()
    """Participants whose membership is not as the commit expects it."""
    erasing: Collection[str] = ()
    """Participants who cannot join because their erasure is running, or whose erasure is not as expected."""
    at_cap: bool = False
    """Whether the participant who creates or joins the conversation is in as many as allowed."""
    is_repeat: bool = False
    """Whether a conversation was created with the same idempotency key, or for the same pair, before."""
    is_suspended: bool = False
    """Whether the participant who creates or joins the conversation is suspended."""


class NewConversation(NamedTuple):
    """A new conversation: it becomes visible as a whole, or it stays invisible and expires."""

    head: Head
    details: ConversationDetails
    event: Event
    members: Sequence[Membership]
    """The creator first, unless a service creates it."""
    standings: Mapping[str, Standing]
    """Those of all other members and pending members. Precondition: they are as read."""
    pending: Sequence[tuple[PendingMembership, bool]]
    """Pending memberships, each with whether the participant sees it."""
    conversations_cap: int
    """How many conversations the creator may have created or joined. Precondition."""
    retention_check_at: int
    """When (epoch seconds) to run the first retention check."""
    record: CreationRecord | None = None
    """The record by which a repeat is recognised. Precondition: the creator has none with this key."""
    pair: NewPair | None = None
    """The participants, if it is direct. Precondition: they have no other one, and no block by the opener."""


class Purge(NamedTuple):
    """A closed or deleted conversation whose items are to be removed."""

    conversation_id: str
    due_at: int
    """Epoch seconds."""
    first_due_at: int = 0
    """When it was due at first, if it was postponed."""
