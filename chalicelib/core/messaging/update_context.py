"""The basis of an update: the message and the actor, as read after a head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.core.conversations.permissions import Author
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.kernel.errors import Blocked, ValidationFailed
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import MessageState, Reaction, StoredEvent, new_event
from chalicelib.core.ports.commits import Commit

if TYPE_CHECKING:
    from chalicelib.core.model.moderation import AuditAction, AuditEntry


class UpdateContext(NamedTuple):
    """A message, the member who wants to update it, and the head of the log."""

    head: Head
    actor: Membership
    message: StoredEvent
    extra: Any
    """The result of `load_extra`: the actor's reaction, or the memberships of mentioned participants."""
    sender: Actor
    """The actor, under the name that the event of the update has."""
    now: int
    """Milliseconds since the epoch."""

    @property
    def next_sequence_id(self) -> int:
        """Return the sequence id of the event of the update."""
        return self.head.sequence_id + 1

    @property
    def updated_at(self) -> str:
        """Return the time of the update, as the event has it."""
        return rfc3339(self.now)

    @property
    def target(self) -> int:
        """Return the sequence id of the message."""
        return int(self.message.event["sequence_id"])

    @property
    def state(self) -> MessageState:
        """Return the current state of the message."""
        return self.message.state or MessageState(version=self.target)

    @property
    def author(self) -> Author:
        """Return the author of the message."""
        return Author(self.message.event["sender"]["participant_id"])

    @property
    def is_author(self) -> bool:
        """Return whether the actor wrote the message."""
        return self.author.participant_id == self.actor.participant_id

    @property
    def is_expired(self) -> bool:
        """Return whether the content of the message is past retention."""
        return self.target <= self.head.expired_up_to

    @property
    def latest_version_read(self) -> int:
        """Return the sequence id of the newest event that is reflected in the message or the reaction."""
        reacted_at = self.extra.sequence_id if isinstance(self.extra, Reaction) else 0
        return max(self.state.version, self.message.deleted_by, reacted_at)

    def require_updatable(self) -> None:
        """Raise ValidationFailed if the message is deleted or expired.

        Raises Blocked in a direct conversation whose other participant the actor blocks.
        """
        if self.actor.participant_id in self.head.blockers:
            raise Blocked
        if self.message.deleted_by:
            raise ValidationFailed.at("target", "is deleted")
        if self.is_expired:
            raise ValidationFailed.at("target", "is past retention")

    def audit_entry(self, action: AuditAction, participant_id: str) -> AuditEntry:
        """Return an entry for an action of the actor on a message or reaction of a participant."""
        from chalicelib.core.model.moderation import AuditEntry

        return AuditEntry(
            action,
            self.actor.participant_id,
            participant_id=participant_id,
            target=self.target,
            service=self.sender.service,
        )

    def commit(self, event_type: str, fields: dict[str, Any], **changes: Any) -> Commit:
        """Return the commit of the update: an event with these fields, and other changes."""
        conversation_id, sequence_id = self.head.conversation_id, self.next_sequence_id
        event = new_event(
            conversation_id,
            sequence_id,
            event_type,
            sender=self.sender,
            now=self.now,
            target=self.target,
            **fields,
        )
        new = replace(self.head, sequence_id=sequence_id, updated_at=self.now)
        return Commit(self.head, new, [event], **changes)


Plan = Callable[[UpdateContext], Commit]
