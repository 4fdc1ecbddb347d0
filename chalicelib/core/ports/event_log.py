"""The log of a conversation: its head, its events, the queue in front of it, and the reactions to its messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Reaction, StoredEvent
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedRun, QueueFront, QueueLease
from chalicelib.core.ports.commits import Commit


class EventLogStore(Protocol):
    """Logs of conversations. Every read is strongly consistent, unless stated otherwise."""

    def head(self, conversation_id: str) -> Head | None:
        """Return the head of the log, or None if the conversation does not exist."""
        ...

    def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """Return the heads of those conversations that exist."""
        ...

    def finalize_creation(self, conversation_id: str) -> None:
        """Complete a creation in several steps, whose head is still provisional.

        Raises:
            WriteConflict: it is not complete.
        """
        ...

    def clear_departed(self, conversation_id: str, participant_id: str, event: int) -> None:
        """Remove a departed member from the head, once no subscription is left; no-op unless `event` matches."""
        ...

    def event(self, conversation_id: str, sequence_id: int) -> StoredEvent | None:
        """Return an event."""
        ...

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterable[StoredEvent]:
        """Return the visible events from `first` to `last`, lazily.

        A read of several items is not isolated from a commit in progress: some of its events may be missing.
        """
        ...

    def events_by_id(self, conversation_id: str, sequence_ids: Sequence[int]) -> list[StoredEvent]:
        """Return up to 100 events, in no particular order: all that the head or a message has shown."""
        ...

    def commit(self, commit: Commit) -> None:
        """Append in one transaction.

        Raises:
            HeadConflict, WriteConflict, PreconditionFailed: nothing was written.
        """
        ...

    def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        """Return the record of a message that is in the log."""
        ...

    def enqueue(self, queued: QueuedRun) -> None:
        """Put a run of messages into the queue of its conversation."""
        ...

    def queued_runs(self, conversation_id: str, limit: int) -> list[QueuedRun]:
        """Return the oldest runs of the queue."""
        ...

    def queue_front(self, conversation_id: str) -> QueueFront:
        """Return the lease and the oldest run of the queue, as cheaply as possible."""
        ...

    def take_lease(self, conversation_id: str, lease: QueueLease, previous: QueueLease | None) -> bool:
        """Store a lease in place of `previous`; return False if that is not the present one."""
        ...

    def dequeue(self, conversation_id: str, queue_id: str) -> bool:
        """Remove a run from the queue; return whether it was there."""
        ...

    def reaction(self, conversation_id: str, target: int, participant_id: str, emoji: str) -> Reaction | None:
        """Return a participant's reaction to a message."""
        ...

    def own_reactions(
        self, participant_id: str, reactions: Collection[tuple[str, int, str]]
    ) -> set[tuple[str, int, str]]:
        """Return those of these reactions (conversation id, target, emoji) that the participant has added."""
        ...

    def reactions(
        self, conversation_id: str, target: int, *, emoji: str | None, after: str | None, limit: int
    ) -> tuple[list[Reaction], str | None]:
        """Return a page of the reactions to a message, by emoji, and the key after which the next page begins.

        `emoji` restricts them to one emoji. `after` is the key that the page before returned.
        """
        ...

    def delete_reactions(self, conversation_id: str, target: int, limit: int) -> bool:
        """Delete up to `limit` reactions to a deleted message; return whether none is left."""
        ...
