"""Conversations as a whole: their details, and their life from creation to purge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import NewConversation, Purge

if TYPE_CHECKING:
    from chalicelib.core.model.creations import CreationRecord


class ConversationStore(Protocol):
    """Conversations. Every read is strongly consistent."""

    def details(self, conversation_id: str) -> ConversationDetails | None:
        """Return title, policy, metadata and so on."""
        ...

    def details_of(self, conversation_ids: Sequence[str]) -> dict[str, ConversationDetails]:
        """Return the details of those of these conversations that have some, by their ids."""
        ...

    def load_summaries(self, heads: Sequence[Head]) -> tuple[dict[str, ConversationDetails], dict[str, Event]]:
        """Return the details of some conversations, and the newest message of each in its current form."""
        ...

    def created_after(self, conversation_id: str, limit: int) -> list[str]:
        """Return the ids of up to `limit` conversations in the order of creation, after this one (or from "").

        Some of them may have ended, or be provisional. One that is being created now can appear before others.
        """
        ...

    def create(self, new: NewConversation) -> bool:
        """Create a conversation; return whether that is complete.

        If it is not, the conversation expires within a day unless `finalize_creation` is called.

        Raises:
            WriteConflict: it is not visible; the call can be repeated.
            PreconditionFailed: members are being erased, or it is a repeat; it never becomes visible.
        """
        ...

    def creation(self, participant_id: str, hashed_key: str) -> CreationRecord | None:
        """Return the record of a creation with an idempotency key, by its digest."""
        ...

    def creations(self, participant_id: str) -> list[CreationRecord]:
        """Return all such records of a participant."""
        ...

    def erase_creations(self, participant_id: str) -> None:
        """Delete all such records of a participant."""
        ...

    def delete(self, owner: Membership, *, purge_at: int) -> bool:
        """Mark a live conversation as deleted; return False if it is not live or `owner` does not own it.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def due_purges(self, now: int, limit: int) -> list[Purge]:
        """Return conversations to purge by `now` (epoch seconds), the longest due first."""
        ...

    def postpone(self, purge: Purge, due_at: int) -> None:
        """Purge a conversation later (epoch seconds); no-op if its purge is not scheduled as read.

        Raises WriteConflict.
        """
        ...

    def purge(self, purge: Purge, limit: int, before_end: Callable[[], None] | None = None) -> bool:
        """Remove about `limit` items of a conversation that has ended; return whether none is left.

        `before_end` is called before the last ones are removed, by which the purge is found.
        """
        ...
