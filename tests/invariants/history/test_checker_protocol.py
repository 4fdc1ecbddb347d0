"""The checker finds violations of other rules of the protocol."""

from __future__ import annotations

from tests.invariants.history.correct_history import plain
from tests.invariants.history.history_builder import CONVERSATION_ID
from tests.invariants.history.records import SocketRecord


def test_unread_count_that_counts_all_events() -> None:
    builder = plain()
    builder.finish()
    view = builder.list_conversations("ann").answer["conversations"][0]
    view["unread_count"] += 1
    assert "contract" in builder.violated_laws()


def test_read_pointer_that_moves_back() -> None:
    builder = plain()
    builder.mark_read("bob", 6)
    builder.pointers["bob"] = 3
    builder.finish()
    assert "contract" in builder.violated_laws()


def test_unread_count_that_counts_own_messages() -> None:
    builder = plain()
    builder.send("ann", "five")
    builder.finish()
    view = builder.list_conversations("ann").answer["conversations"][0]
    own = [event for event in builder.messages if event["sender"]["participant_id"] == "ann"]
    later = [event for event in own if event["sequence_id"] > view["read_up_to"]]
    assert later
    view["unread_count"] += len(later)
    assert "contract" in builder.violated_laws()


def test_read_pointer_moved_beyond_own_messages_and_reads() -> None:
    builder = plain()
    last = builder.send("ann", "five").answer["sequence_id"]
    builder.send("bob", "six")
    builder.pointers["ann"] = last + 1
    builder.finish()
    assert "contract" in builder.violated_laws()


def test_internal_error_response() -> None:
    builder = plain()
    builder.reject(builder.begin("list", "ann", {"page": 0}, conversation_id=""), "INTERNAL")
    builder.finish()
    assert "contract" in builder.violated_laws()


def test_failure_in_the_server_log() -> None:
    builder = plain()
    builder.finish().failures.append("KeyError at sockets.py:1")
    assert "contract" in builder.violated_laws()


def test_internal_error_frame_of_the_gateway() -> None:
    builder = plain()
    builder.finish()
    builder.receive("ann", {"message": "Internal server error"})
    assert "contract" in builder.violated_laws()


def test_command_with_two_different_replies() -> None:
    builder = plain()
    call = builder.begin("ping", "ann", {}, via="ann 0.0", conversation_id="")
    builder.end(call, {"type": "pong", "heads": {}}).repeated_answers.append(
        {"type": "pong", "heads": {CONVERSATION_ID: 1}}
    )
    builder.finish()
    assert "contract" in builder.violated_laws()


def test_list_not_ordered_by_activity() -> None:
    builder = plain()
    builder.finish()
    call = builder.list_conversations("dan")
    call.answer["conversations"] = [
        {"conversation_id": "conv_2", "updated_at": "t1", "head": 1},
        {"conversation_id": "conv_3", "updated_at": "t2", "head": 1},
    ]
    assert "contract" in builder.violated_laws()


def test_conversation_without_an_owner() -> None:
    builder = plain()
    call = builder.begin("leave", "ann", {})
    del builder.roles["ann"]
    del builder.subscribed["ann"]
    builder.push(builder.append("participant_left", "ann", participant=builder.member("ann"), reason="left"))
    builder.receive("ann", {"type": "conversation_removed", "conversation_id": CONVERSATION_ID, "reason": "left"})
    builder.end(call, {"remaining_participants": 2})
    builder.finish()
    assert "contract" in builder.violated_laws()


def test_faulty_connection_does_not_excuse_a_healthy_one() -> None:
    builder = plain()
    builder.history.sockets.append(SocketRecord("bob 1.0", "bob", builder.tick(), is_faulty=True))
    builder.send("ann", "five", push=False)
    builder.finish()
    assert "L5" in builder.violated_laws()
