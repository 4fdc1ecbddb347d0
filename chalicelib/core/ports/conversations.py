"""TODO chalicelib.core.ports.conversations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from chalicelib.core.model.conversations import ConversationDetails, Head, Membership, PastMembership
from chalicelib.core.model.events import Event, Reaction, StoredEvent
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedMessage
from chalicelib.core.ports.commits import Commit, NewConversation, Purge


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
