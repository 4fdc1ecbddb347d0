"""The checker finds violations of L3 and L4: gaps, inventions, another order, reads that are not complete."""

from __future__ import annotations

import copy

from tests.invariants.history.correct_history import plain


def test_two_events_with_one_sequence_id() -> None:
    builder = plain()
    builder.finish()
    other = copy.deepcopy(builder.log[1])
    other["content"] = "another"
    builder.receive("bob", {"type": "event", "event": other})
    assert "L3" in builder.violated_laws()


def test_gap_in_the_log() -> None:
    builder = plain()
    del builder.log[3]
    builder.finish()
    assert "L3" in builder.violated_laws()


def test_event_without_a_request() -> None:
    builder = plain()
    builder.push(builder.append("message", "ann", message_id="msg_x", content="out of the blue"))
    builder.finish()
    assert "L3" in builder.violated_laws()


def test_rejected_message_in_the_log() -> None:
    builder = plain()
    builder.reject(builder.begin("send", "ann", {"content": "no"}), "RATE_LIMITED")
    builder.push(builder.append("message", "ann", message_id="msg_x", content="no"))
    builder.finish()
    assert "L3" in builder.violated_laws()


def test_view_with_participants_that_differ_from_the_log() -> None:
    builder = plain()
    builder.finish()
    builder.view_conversation("ann").answer["participants"].pop()
    assert "L3" in builder.violated_laws()


def test_list_without_a_conversation() -> None:
    builder = plain()
    builder.finish()
    (last,) = [call for call in builder.history.calls if call.kind == "list" and call.caller == "bob"]
    last.answer["conversations"] = []
    assert "L3" in builder.violated_laws()


def test_event_below_a_position_seen_before_its_request() -> None:
    builder = plain()
    late = builder.send("ann", "late", "a-8", push=False)
    builder.send("bob", "early", "b-8")
    builder.finish()
    late.started = builder.tick()
    late.ended = builder.tick()
    assert "L4" in builder.violated_laws()


def test_page_with_a_gap() -> None:
    builder = plain()
    del builder.read_events("bob").answer["events"][2]
    builder.finish()
    assert "L4" in builder.violated_laws()


def test_page_with_a_wrong_has_more() -> None:
    builder = plain()
    builder.read_events("bob", limit=2).answer["has_more"] = False
    builder.finish()
    assert "L4" in builder.violated_laws()


def test_page_longer_than_its_limit() -> None:
    builder = plain()
    builder.read_events("bob", limit=4).arguments["limit"] = 3
    builder.finish()
    assert "L4" in builder.violated_laws()


def test_head_below_an_acknowledged_event() -> None:
    builder = plain()
    page = builder.read_events("bob")
    builder.finish()
    page.answer["events"].pop()
    page.answer["head"] -= 1
    assert "L4" in builder.violated_laws()


def test_history_without_a_message_in_the_middle() -> None:
    builder = plain()
    page = builder.read_messages("bob")
    builder.finish()
    del page.answer["messages"][1]
    assert "L4" in builder.violated_laws()


def test_history_without_the_newest_message() -> None:
    builder = plain()
    page = builder.read_messages("bob")
    builder.finish()
    page.answer["messages"].pop()
    assert "L4" in builder.violated_laws()


def test_list_with_an_old_last_message() -> None:
    builder = plain()
    builder.finish()
    builder.list_conversations("bob").answer["conversations"][0]["last_message"] = builder.log[1]
    assert "L4" in builder.violated_laws()
