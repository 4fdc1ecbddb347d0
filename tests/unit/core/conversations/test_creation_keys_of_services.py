"""Creations of services with an idempotency key."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import IdempotencyKeyReused
from chalicelib.core.model.actors import Service
from chalicelib.core.model.creations import CreationKey
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from tests.support.app_harness import AppHarness, principal

SERVICE = Service("backend").as_principal()
KEY = CreationKey(SERVICE.participant_id, "backend\0k-1", "order 7")


def create(harness: AppHarness, key: CreationKey, *people: str) -> str:
    participants = [NewParticipant(participant_id=name, name=name) for name in people]
    request = CreateConversation(title="Order 7", participants=participants)
    return str(harness.chat.conversations.creation.create(SERVICE, request, key).response["conversation_id"])


def test_repeat_gets_the_same_conversation_whoever_has_left_it(harness: AppHarness) -> None:
    first = create(harness, KEY, "alice", "bob")
    harness.chat.conversations.members.leave(principal("alice"), first)
    harness.chat.stores.conversations.erase_creations("alice")
    assert create(harness, KEY, "alice", "bob") == first


def test_repeat_with_another_request_is_refused(harness: AppHarness) -> None:
    create(harness, KEY, "alice")
    with pytest.raises(IdempotencyKeyReused):
        create(harness, KEY._replace(fingerprint="order 8"), "alice")


def test_repeat_after_a_deletion_gets_the_conversation_as_it_was_created(harness: AppHarness) -> None:
    first = create(harness, KEY, "alice")
    harness.chat.conversations.lifecycle.delete(SERVICE, first)
    assert create(harness, KEY, "alice") == first
