"""The checker finds violations of L7: frames that non-members receive, and requests that they may not make."""

from __future__ import annotations

import pytest

from tests.invariants.history.correct_history import plain
from tests.invariants.history.history_builder import CONVERSATION_ID


def test_non_member_who_can_read() -> None:
    builder = plain()
    builder.finish()
    page = builder.read_events("bob")
    page.caller = "dan"
    assert "L7" in builder.violated_laws()


def test_non_member_who_learns_of_the_conversation() -> None:
    builder = plain()
    builder.reject(builder.begin("read", "dan", {"sequence_id": 99}), "VALIDATION_FAILED")
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_error_to_a_non_member_that_differs_from_not_found() -> None:
    builder = plain()
    builder.finish()
    call = builder.reject(builder.begin("events", "dan", {"after": 0}, conversation_id="conv_none"))
    call.answer["error"]["message"] = "There is no such conversation."
    assert "L7" in builder.violated_laws()


@pytest.mark.parametrize(
    ("unsubscribe", "subscribe", "is_missed"), [(1, 2, True), (2, 1, False), (None, None, False)]
)
def test_subscriber_by_the_later_of_two_pipelined_commands_misses_a_push(
    unsubscribe: int | None, subscribe: int | None, is_missed: bool
) -> None:
    builder = plain()
    socket = "cid 0.0"
    asked = {} if unsubscribe is None else {"n": unsubscribe}
    pending = builder.begin("unsubscribe", "cid", asked, socket)
    builder.subscribe("cid", n=subscribe)
    builder.end(pending, {"type": "superseded", "conversation_id": CONVERSATION_ID}, outcome="SUPERSEDED")
    builder.send("ann", "nobody tells cid", push=False)
    builder.push(builder.log[-1], to=["ann", "bob"])
    builder.finish()
    assert ("L5" in builder.violated_laws()) == is_missed


def test_non_member_who_receives_a_push() -> None:
    builder = plain()
    builder.send("ann", "five")
    builder.push(builder.log[-1], to=["dan"])
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_removed_member_who_receives_a_later_event() -> None:
    builder = plain()
    builder.subscribe("cid")
    builder.remove("ann", "cid")
    builder.send("ann", "about cid")
    builder.push(builder.log[-1], to=["cid"])
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_removed_member_who_receives_an_earlier_event_has_no_violation() -> None:
    builder = plain()
    event = builder.send("ann", "before").answer
    builder.remove("ann", "cid")
    builder.push(event, to=["cid"])
    builder.finish()
    assert builder.violated_laws() == set()


@pytest.mark.parametrize("seen", [True, False], ids=["moved by a message", "moved by nothing"])
def test_removed_member_who_receives_a_read_pointer_that_moved_before(seen: bool) -> None:
    builder = plain()
    head = len(builder.log)
    call = builder.send("ann", "five", "a-5")
    if seen:
        call.arguments["seen"] = head
    builder.remove("ann", "cid")
    push = {"type": "read", "conversation_id": CONVERSATION_ID, "participant_id": "ann", "sequence_id": head + 1}
    builder.receive("cid", push)
    builder.finish()
    assert ("L7" in builder.violated_laws()) is not seen


def test_removed_member_who_receives_later_typing() -> None:
    builder = plain()
    builder.remove("ann", "cid")
    builder.send("ann", "about cid")
    builder.begin("typing", "ann", {"is_typing": True}, via="ann 0.0")
    frame = {
        "type": "typing",
        "conversation_id": CONVERSATION_ID,
        "participant": builder.actor("ann"),
        "is_typing": True,
        "sent_at": "2026-03-01T09:02:00.000Z",
    }
    builder.receive("cid", frame)
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_removed_member_who_can_repeat_a_send() -> None:
    builder = plain()
    call = builder.send("cid", "five", "c-5")
    builder.remove("ann", "cid")
    builder.repeat(call)
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_member_who_gets_not_found() -> None:
    builder = plain()
    builder.reject(builder.begin("events", "bob", {"after": 0}))
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_message_of_a_removed_member() -> None:
    builder = plain()
    builder.remove("ann", "cid")
    builder.send("cid", "still here")
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_removal_by_a_member_without_permission() -> None:
    builder = plain()
    builder.remove("bob", "cid")
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_join_of_a_conversation_that_is_not_open() -> None:
    builder = plain()
    call = builder.begin("join", "dan", {})
    builder.roles["dan"] = "member"
    event = builder.append("participant_joined", "dan", participant=builder.member("dan"), reason="joined")
    builder.pointers["dan"] = event["sequence_id"]
    builder.push(event)
    builder.receive(
        "dan",
        {
            "type": "conversation_added",
            "conversation": {"conversation_id": CONVERSATION_ID, "head": event["sequence_id"]},
        },
    )
    builder.end(call, builder.view("dan"))
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_sender_with_another_name() -> None:
    builder = plain()
    call = builder.send("ann", "five", push=False)
    call.answer["sender"]["name"] = builder.log[-1]["sender"]["name"] = "Bob"
    builder.push(builder.log[-1])
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_pong_with_a_foreign_conversation() -> None:
    builder = plain()
    builder.finish()
    call = builder.begin("ping", "dan", {"heads": {CONVERSATION_ID: 0}}, via="dan 0.0", conversation_id="")
    builder.end(call, {"type": "pong", "heads": {CONVERSATION_ID: len(builder.log)}})
    assert "L7" in builder.violated_laws()


def test_deleted_conversation_that_can_be_read() -> None:
    builder = plain()
    builder.end(builder.begin("delete", "ann", {}), None, 204)
    for who in ("ann", "bob"):
        builder.receive(who, {"type": "conversation_deleted", "conversation_id": CONVERSATION_ID})
    builder.read_events("bob")
    builder.history.quiet_since = builder.tick()
    assert "L7" in builder.violated_laws()
