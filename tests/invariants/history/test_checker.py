"""The checker accepts a correct history, and finds each kind of violation.

Each test corrupts a correct history in one way, and names the law that the checker must report. The corruption may
violate other laws, too, so those are not excluded; the first tests check that nothing is reported without it.
"""

from __future__ import annotations

import copy

import pytest

from tests.invariants.history.history_builder import CONVERSATION_ID, HistoryBuilder
from tests.invariants.history.records import ReceivedFrame, SocketRecord


def plain() -> HistoryBuilder:
    """Ann, Bob and Cid are members, Dan is not; Ann and Bob are subscribed; Cid is removed and readded."""
    builder = HistoryBuilder(["ann", "bob", "cid", "dan"], inside=["ann", "bob", "cid"])
    builder.subscribe("ann", "bob")
    builder.send("ann", "one", "a-1")
    builder.send("bob", "two", "b-1")
    builder.remove("ann", "cid")
    builder.read_events("cid")
    builder.send("ann", "three")
    builder.add("ann", "cid")
    builder.read_events("cid", after=1, limit=2)
    builder.read_messages("bob", limit=2)
    builder.mark_read("bob", 4)
    builder.repeat(builder.send("cid", "four", "c-1"))
    return builder


def test_correct_history_has_no_violation() -> None:
    builder = plain()
    builder.finish()
    assert builder.violated_laws() == set()


def test_empty_history_has_no_violation() -> None:
    builder = HistoryBuilder(["ann"])
    builder.finish()
    assert builder.violated_laws() == set()


# ---- L1: durable before acknowledged -------------------------------------------------------------------


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


# ---- L2: exactly once ----------------------------------------------------------------------------------


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


# ---- L3: one order, no gaps, nothing invented ----------------------------------------------------------


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


# ---- L4: prefix-complete -------------------------------------------------------------------------------


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


# ---- L5: no lost live event ----------------------------------------------------------------------------


def test_missing_push_to_a_healthy_connection() -> None:
    builder = plain()
    event = builder.send("ann", "five", push=False).answer
    builder.push(event, to=["ann"])
    builder.finish()
    assert "L5" in builder.violated_laws()


@pytest.mark.parametrize(
    "excuse", ["bad socket", "unreliable posts", "subscribed later", "deadline of the fan-out"]
)
def test_excused_missing_push_has_no_violation(excuse: str) -> None:
    builder = plain()
    call = builder.send("ann", "five", push=False)
    builder.finish()
    match excuse:
        case "bad socket":
            for life in builder.history.sockets:
                life.is_faulty = True
        case "unreliable posts":
            builder.history.posts_are_reliable = False
        case "subscribed later":
            for subscribe in [subscribe for subscribe in builder.history.calls if subscribe.kind == "subscribe"]:
                subscribe.ended = call.started + 1
        case _:
            call.duration = 1.0
    assert builder.violated_laws() == set()


def test_replica_without_an_event_after_the_last_ping() -> None:
    builder = plain()
    builder.finish().replicas[0].events.pop()
    assert "L5" in builder.violated_laws()


def test_missing_notification_of_an_addition() -> None:
    builder = plain()
    builder.finish()
    builder.history.received = [
        frame for frame in builder.history.received if frame.frame["type"] != "conversation_added"
    ]
    assert "L5" in builder.violated_laws()


# ---- L6: a bad recipient is isolated -------------------------------------------------------------------


def test_response_that_takes_too_long() -> None:
    builder = plain()
    builder.send("ann", "five").duration = 60.0
    builder.finish()
    assert "L6" in builder.violated_laws()


def test_missing_response() -> None:
    builder = plain()
    builder.begin("ping", "bob", {"heads": {}}, via="bob 0.0", conversation_id="")
    builder.finish()
    assert "L6" in builder.violated_laws()


def test_push_that_takes_too_long() -> None:
    builder = plain()
    builder.finish()
    builder.history.received = [
        ReceivedFrame(frame.number, frame.time + 60.0, frame.participant_id, frame.socket, frame.frame)
        if frame.participant_id == "bob"
        else frame
        for frame in builder.history.received
    ]
    assert "L6" in builder.violated_laws()


# ---- L7: outsiders learn nothing -----------------------------------------------------------------------


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


# ---- other rules of the protocol -----------------------------------------------------------------------


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
