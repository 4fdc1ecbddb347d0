"""The checker accepts a correct history, and finds each violation of L1 and L2.

Each test corrupts a correct history in one way, and names the law that the checker must report. The corruption may
violate other laws, too, so those are not excluded; the first tests check that nothing is reported without it.
"""

from __future__ import annotations

from tests.invariants.history.correct_history import plain
from tests.invariants.history.history_builder import HistoryBuilder


def test_correct_history_has_no_violation() -> None:
    builder = plain()
    builder.finish()
    assert builder.violated_laws() == set()


def test_empty_history_has_no_violation() -> None:
    builder = HistoryBuilder(["ann"])
    builder.finish()
    assert builder.violated_laws() == set()


def test_lost_acknowledged_message_violates_l1() -> None:
    builder = plain()
    call = builder.send("ann", "lost", push=False)
    builder.log.pop()
    builder.pointers["ann"] = 5
    builder.finish()
    assert call.is_ok
    assert "L1" in builder.violated_laws()


def test_message_with_another_sequence_id_than_acknowledged() -> None:
    builder = plain()
    call = builder.send("ann", "five", "a-5")
    builder.finish()
    call.transport = "ann 0.0"
    stands = {"sequence_id": call.answer["sequence_id"], "created_at": call.answer["created_at"]}
    call.answer = {"type": "message_ack", "message_id": "msg_other", "duplicate": False, **stands}
    assert "L1" in builder.violated_laws()


def test_acknowledged_removal_without_an_event() -> None:
    builder = plain()
    builder.end(builder.begin("remove", "ann", {"participant_id": "bob"}), None, 204)
    builder.finish()
    assert "L1" in builder.violated_laws()


def test_acknowledged_update_without_an_event() -> None:
    builder = plain()
    builder.end(builder.begin("update", "ann", {"title": "New"}), {**builder.view("ann"), "title": "New"})
    builder.finish()
    assert "L1" in builder.violated_laws()


def test_message_never_acknowledged_despite_repeats() -> None:
    builder = plain()
    for _ in range(3):
        builder.reject(
            builder.begin("send", "ann", {"content": "x", "client_message_id": "a-9"}), "CONVERSATION_BUSY"
        )
    builder.finish()
    assert "L1" in builder.violated_laws()


def test_message_in_the_log_twice() -> None:
    builder = plain()
    builder.send("ann", "again", "a-7")
    builder.send("ann", "again", "a-7")
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_message_without_client_id_in_the_log_twice() -> None:
    builder = plain()
    builder.send("ann", "just once")
    builder.push(builder.append("message", "ann", message_id="msg_x", content="just once"))
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_repeat_answered_with_another_event() -> None:
    builder = plain()
    first = builder.send("ann", "five", "a-5")
    builder.repeat(first).answer["message_id"] = "msg_other"
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_rejected_repeat() -> None:
    builder = plain()
    first = builder.send("ann", "five", "a-5")
    builder.reject(builder.begin("send", "ann", {**first.arguments, "reply_to": 1}), "VALIDATION_FAILED")
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_repeat_not_marked_as_duplicate() -> None:
    builder = plain()
    builder.repeat(builder.send("ann", "five", "a-5")).status = 201
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_repeat_with_another_text_that_replaces_the_first() -> None:
    builder = plain()
    first = builder.send("ann", "first", "a-5", push=False)
    builder.repeat(first).arguments["content"] = "second"
    for event in (builder.log[-1], first.answer, builder.history.calls[-1].answer):
        event["content"] = "second"
    builder.push(builder.log[-1])
    builder.finish()
    assert "L2" in builder.violated_laws()


def test_message_with_a_content_that_was_not_sent() -> None:
    builder = plain()
    call = builder.send("ann", "five", "a-5", push=False)
    builder.log[-1]["content"] = call.answer["content"] = "garbled"
    builder.push(builder.log[-1])
    builder.finish()
    assert "L2" in builder.violated_laws()
