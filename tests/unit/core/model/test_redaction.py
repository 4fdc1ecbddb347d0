"""Erasure removes a participant's id, name and content from stored events, and expiry the content alone."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.events import MessageState, StoredEvent
from chalicelib.core.model.redaction import Redaction, expire

ANN = {"participant_id": "ann", "name": "Ann", "type": "human"}
BOB = {"participant_id": "bob", "name": "Bob", "type": "human"}
ERASED = {"participant_id": "erased_1", "name": "Erased", "type": "human"}
REDACTION = Redaction(participant_id="ann", pseudonym="erased_1", at="2026-01-02T03:04:05.678Z", event=9)


def stored(
    event_type: str, sender: dict[str, Any], state: MessageState | None = None, **fields: Any
) -> StoredEvent:
    event = {"conversation_id": "c", "sequence_id": 3, "type": event_type, "created_at": "t", "sender": sender}
    return StoredEvent({**event, **fields}, message_count=2, state=state)


def message(sender: dict[str, Any], state: MessageState | None = None, **fields: Any) -> StoredEvent:
    return stored("message", sender, state, message_id="m", client_message_id="k", content="hi", **fields)


def test_own_message_becomes_a_tombstone_deleted_by_the_erasure() -> None:
    redacted = REDACTION.apply(message(ANN, MessageState(5, {"content": "edited"}), reply_to={"sequence_id": 1}))
    assert redacted == StoredEvent(
        {
            "conversation_id": "c",
            "sequence_id": 3,
            "type": "message",
            "created_at": "t",
            "sender": ERASED,
            "message_id": "m",
            "reply_to": {"sequence_id": 1},
            "deleted_at": "2026-01-02T03:04:05.678Z",
        },
        message_count=2,
        state=None,
        deleted_by=9,
    )


def test_own_deleted_message_keeps_its_first_deletion() -> None:
    deleted = stored("message", ANN, message_id="m", client_message_id="k", deleted_at="before")
    redacted = REDACTION.apply(StoredEvent(deleted.event, 2, deleted_by=4))
    assert (redacted.event["deleted_at"], redacted.deleted_by) == ("before", 4)
    assert "client_message_id" not in redacted.event


def test_own_edit_loses_its_content_and_is_not_marked_as_deleted() -> None:
    redacted = REDACTION.apply(stored("message_edited", ANN, target=2, content="edited", client_message_id="k"))
    assert redacted.event == {
        "conversation_id": "c",
        "sequence_id": 3,
        "type": "message_edited",
        "created_at": "t",
        "sender": ERASED,
        "target": 2,
    }
    assert redacted.deleted_by == 0


def test_message_of_another_keeps_its_content_and_mentions_the_pseudonym() -> None:
    state = MessageState(5, {"content": "edited", "mentions": ["bob", "ann"]}, edits=(5,), reactions={"👍": 1})
    redacted = REDACTION.apply(message(BOB, state, mentions=["ann", "bob"]))
    assert redacted == message(
        BOB,
        MessageState(5, {"content": "edited", "mentions": ["bob", "erased_1"]}, edits=(5,), reactions={"👍": 1}),
        mentions=["erased_1", "bob"],
    )


@pytest.mark.parametrize(
    "state", [None, MessageState(5, {"content": "edited"}), MessageState(5, {"mentions": ["bob"]})]
)
def test_event_without_the_participant_is_returned_unchanged(state: MessageState | None) -> None:
    logged = message(BOB, state, mentions=["bob"])
    assert REDACTION.apply(logged) is logged


def test_roster_events_name_the_pseudonym() -> None:
    joined = REDACTION.apply(stored("participant_joined", BOB, participant=ANN))
    assert (joined.event["participant"], joined.event["sender"]) == (ERASED, BOB)
    created = REDACTION.apply(stored("conversation_created", ANN, participants=[ANN, BOB]))
    assert (created.event["participants"], created.event["sender"]) == ([ERASED, BOB], ERASED)


def test_reference_without_a_name_gets_none() -> None:
    unbanned = REDACTION.apply(stored("participant_unbanned", BOB, participant={"participant_id": "ann"}))
    assert unbanned.event["participant"] == {"participant_id": "erased_1"}


@pytest.mark.parametrize(("known", "expected"), [("ann", "erased_1"), ("bob", "bob"), (None, None)])
def test_id_is_replaced_by_the_pseudonym(known: str | None, expected: str | None) -> None:
    assert REDACTION.id(known) == expected


def test_expired_message_keeps_its_ids_and_loses_content_and_state() -> None:
    expired = expire(message(ANN, MessageState(5, {"content": "edited"}), mentions=["bob"]))
    assert expired == StoredEvent(
        {
            "conversation_id": "c",
            "sequence_id": 3,
            "type": "message",
            "created_at": "t",
            "sender": ANN,
            "message_id": "m",
            "client_message_id": "k",
            "expired": True,
        },
        message_count=2,
    )


def test_event_without_content_does_not_expire() -> None:
    joined = stored("participant_joined", BOB, participant=ANN)
    assert expire(joined) is joined


def test_removed_reaction_names_the_pseudonym() -> None:
    removed = stored("reaction_removed", BOB, target=2, emoji="👍", participant_id="ann")
    assert REDACTION.apply(removed).event == {**removed.event, "participant_id": "erased_1"}
    of_another = stored("reaction_removed", BOB, target=2, emoji="👍", participant_id="carol")
    assert REDACTION.apply(of_another) is of_another
