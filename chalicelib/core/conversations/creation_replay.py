"""Creations with an idempotency key: a repeat returns the conversation of the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.errors import IdempotencyKeyReused, NotFound
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationDetails, Head
from chalicelib.core.model.creations import CREATION_TTL, CreationKey, CreationRecord
from chalicelib.core.ports.commits import NewConversation
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.protocol import serializers
from chalicelib.core.realtime.outbox import Result

if TYPE_CHECKING:
    from chalicelib.core.protocol.objects import Conversation
    from chalicelib.core.protocol.requests import CreateConversation


class Repeated(Exception):
    """Raised by a creation whose key another one has used."""

    def __init__(self, key: CreationKey, record: CreationRecord) -> None:
        super().__init__("the idempotency key was used")
        self.key = key
        self.record = record


class CreationReplay:
    """Returns the results of repeated creations."""

    def __init__(self, *, pending: PendingStore, views: Views, limits: Limits) -> None:
        self._pending = pending
        self._views = views
        self._limits = limits

    def result(
        self, caller: Principal, request: CreateConversation, key: CreationKey, record: CreationRecord
    ) -> Result:
        """Return the conversation that was created with a key, as of then if the caller is not in it any more.

        Raises IdempotencyKeyReused if the key belongs to another request.
        """
        if record.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        # Before the view, which checks the membership last.
        entries, _ = self._pending.invited(record.conversation_id, None, self._limits.participants)
        try:
            view = self._views.view(record.conversation_id, caller)
        except NotFound:
            return Result(_first_answer(caller, request, record))
        own = [found for found in view["participants"] if found["participant_id"] == caller.participant_id]
        if entries and own and own[0]["role"] != "member":  # as `Action.LIST_PENDING`
            view["pending"] = [serializers.pending_participant(entry) for entry in entries]
        return Result(view)


def record_of(key: CreationKey, new: NewConversation) -> CreationRecord:
    """Return the record that a creation writes for its key."""
    created_at = new.details.created_at
    return CreationRecord(
        key.hashed,
        key.fingerprint,
        new.head.conversation_id,
        created_at,
        len(new.members),
        created_at // 1000 + CREATION_TTL,
    )


def _first_answer(caller: Principal, request: CreateConversation, record: CreationRecord) -> Conversation:
    """Return the conversation as it was created, without participants."""
    head = Head(record.conversation_id, 1, 0, 0, record.created_at, record.participant_count, 1)
    created = (record.created_at, caller.participant_id)
    details = ConversationDetails(
        record.conversation_id, request.title, request.join_policy, request.metadata, *created
    )
    return serializers.conversation(head, details)
