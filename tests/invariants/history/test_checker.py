"""The checker finds nothing in a history in which nothing is wrong, and each kind of wrong in one that has it.

Each test spoils a good history by hand in one way and names the law that the checker must see broken. The same
thing may break other laws too, so those are not forbidden; but without the spoiling none is broken (first tests).
"""

from __future__ import annotations

import copy

import pytest

from tests.invariants.history.records import Heard, SocketLife
from tests.invariants.history.story import WHERE, Story


def plain() -> Story:
    """Ann, Bob and Cid are in, Dan is not; Ann and Bob listen; some things are said; Cid goes and comes back."""
    story = Story(["ann", "bob", "cid", "dan"], inside=["ann", "bob", "cid"])
    story.subscribes("ann", "bob")
    story.says("ann", "one", "a-1")
    story.says("bob", "two", "b-1")
    story.removes("ann", "cid")
    story.reads_events("cid")
    story.says("ann", "three")
    story.adds("ann", "cid")
    story.reads_events("cid", after=1, limit=2)
    story.reads_messages("bob", limit=2)
    story.moves_pointer("bob", 4)
    story.repeats(story.says("cid", "four", "c-1"))
    return story


def test_a_history_without_any_wrong_breaks_no_law() -> None:
    story = plain()
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_an_empty_history_breaks_no_law() -> None:
    story = Story(["ann"])
    story.becomes_quiet()
    assert story.laws_broken() == set()


# ---- L1: durable before acknowledged -------------------------------------------------------------------


def test_a_message_that_was_acknowledged_and_is_gone() -> None:
    story = plain()
    call = story.says("ann", "lost", push=False)
    story.log.pop()
    story.pointers["ann"] = 5
    story.becomes_quiet()
    assert call.is_ok
    assert "L1" in story.laws_broken()


def test_a_message_that_stands_elsewhere_than_it_was_acknowledged() -> None:
    story = plain()
    call = story.says("ann", "five", "a-5")
    story.becomes_quiet()
    call.via = "ann 0.0"
    stands = {"sequence_id": call.answer["sequence_id"], "created_at": call.answer["created_at"]}
    call.answer = {"type": "message_ack", "message_id": "msg_other", "duplicate": False, **stands}
    assert "L1" in story.laws_broken()


def test_a_removal_that_was_acknowledged_and_did_not_happen() -> None:
    story = plain()
    story.ends(story.begins("remove", "ann", {"participant_id": "bob"}), None, 204)
    story.becomes_quiet()
    assert "L1" in story.laws_broken()


def test_a_change_that_was_acknowledged_and_is_not_in_the_log() -> None:
    story = plain()
    story.ends(story.begins("update", "ann", {"title": "New"}), {**story.view("ann"), "title": "New"})
    story.becomes_quiet()
    assert "L1" in story.laws_broken()


def test_a_message_that_is_never_acknowledged_in_spite_of_all_repeats() -> None:
    story = plain()
    for _ in range(3):
        story.refuses(
            story.begins("send", "ann", {"content": "x", "client_message_id": "a-9"}), "CONVERSATION_BUSY"
        )
    story.becomes_quiet()
    assert "L1" in story.laws_broken()


# ---- L2: once ------------------------------------------------------------------------------------------


def test_one_message_that_is_in_the_log_twice() -> None:
    story = plain()
    story.says("ann", "again", "a-7")
    story.says("ann", "again", "a-7")
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_one_message_without_an_id_that_is_in_the_log_twice() -> None:
    story = plain()
    story.says("ann", "just once")
    story.pushes(story.append("message", "ann", message_id="msg_x", content="just once"))
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_a_repeat_that_is_answered_with_another_event() -> None:
    story = plain()
    first = story.says("ann", "five", "a-5")
    story.repeats(first).answer["message_id"] = "msg_other"
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_a_repeat_that_is_refused() -> None:
    story = plain()
    first = story.says("ann", "five", "a-5")
    story.refuses(story.begins("send", "ann", {**first.asked, "reply_to": 1}), "VALIDATION_FAILED")
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_a_repeat_that_is_not_called_one() -> None:
    story = plain()
    story.repeats(story.says("ann", "five", "a-5")).status = 201
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_a_repeat_with_another_text_that_wins() -> None:
    story = plain()
    first = story.says("ann", "first", "a-5", push=False)
    story.repeats(first).asked["content"] = "second"
    for event in (story.log[-1], first.answer, story.history.calls[-1].answer):
        event["content"] = "second"
    story.pushes(story.log[-1])
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


def test_a_message_in_words_that_nobody_said() -> None:
    story = plain()
    call = story.says("ann", "five", "a-5", push=False)
    story.log[-1]["content"] = call.answer["content"] = "garbled"
    story.pushes(story.log[-1])
    story.becomes_quiet()
    assert "L2" in story.laws_broken()


# ---- L3: one order, no holes, nothing invented ---------------------------------------------------------


def test_one_id_with_two_events() -> None:
    story = plain()
    story.becomes_quiet()
    other = copy.deepcopy(story.log[1])
    other["content"] = "another"
    story.hears("bob", {"type": "event", "event": other})
    assert "L3" in story.laws_broken()


def test_a_hole_in_the_log() -> None:
    story = plain()
    del story.log[3]
    story.becomes_quiet()
    assert "L3" in story.laws_broken()


def test_an_event_that_nobody_asked_for() -> None:
    story = plain()
    story.pushes(story.append("message", "ann", message_id="msg_x", content="out of the blue"))
    story.becomes_quiet()
    assert "L3" in story.laws_broken()


def test_a_refused_message_that_is_in_the_log_all_the_same() -> None:
    story = plain()
    story.refuses(story.begins("send", "ann", {"content": "no"}), "RATE_LIMITED")
    story.pushes(story.append("message", "ann", message_id="msg_x", content="no"))
    story.becomes_quiet()
    assert "L3" in story.laws_broken()


def test_a_view_whose_participants_are_not_those_of_the_log() -> None:
    story = plain()
    story.becomes_quiet()
    story.looks("ann").answer["participants"].pop()
    assert "L3" in story.laws_broken()


def test_a_list_that_lacks_a_conversation() -> None:
    story = plain()
    story.becomes_quiet()
    (last,) = [call for call in story.history.calls if call.kind == "list" and call.who == "bob"]
    last.answer["conversations"] = []
    assert "L3" in story.laws_broken()


# ---- L4: prefix-complete -------------------------------------------------------------------------------


def test_an_event_that_comes_below_what_had_been_seen_before_it_was_asked_for() -> None:
    story = plain()
    late = story.says("ann", "late", "a-8", push=False)
    story.says("bob", "early", "b-8")
    story.becomes_quiet()
    late.started = story.tick()
    late.ended = story.tick()
    assert "L4" in story.laws_broken()


def test_a_page_with_a_hole() -> None:
    story = plain()
    del story.reads_events("bob").answer["events"][2]
    story.becomes_quiet()
    assert "L4" in story.laws_broken()


def test_a_page_that_hides_that_there_is_more() -> None:
    story = plain()
    story.reads_events("bob", limit=2).answer["has_more"] = False
    story.becomes_quiet()
    assert "L4" in story.laws_broken()


def test_a_page_longer_than_its_limit() -> None:
    story = plain()
    story.reads_events("bob", limit=4).asked["limit"] = 3
    story.becomes_quiet()
    assert "L4" in story.laws_broken()


def test_a_head_behind_what_had_been_acknowledged() -> None:
    story = plain()
    page = story.reads_events("bob")
    story.becomes_quiet()
    page.answer["events"].pop()
    page.answer["head"] -= 1
    assert "L4" in story.laws_broken()


def test_history_that_leaves_out_a_message() -> None:
    story = plain()
    page = story.reads_messages("bob")
    story.becomes_quiet()
    del page.answer["messages"][1]
    assert "L4" in story.laws_broken()


def test_history_that_lacks_the_newest_message() -> None:
    story = plain()
    page = story.reads_messages("bob")
    story.becomes_quiet()
    page.answer["messages"].pop()
    assert "L4" in story.laws_broken()


def test_a_list_whose_last_message_is_an_older_one() -> None:
    story = plain()
    story.becomes_quiet()
    story.lists("bob").answer["conversations"][0]["last_message"] = story.log[1]
    assert "L4" in story.laws_broken()


# ---- L5: no lost live event ----------------------------------------------------------------------------


def test_a_push_that_a_healthy_socket_never_gets() -> None:
    story = plain()
    event = story.says("ann", "five", push=False).answer
    story.pushes(event, to=["ann"])
    story.becomes_quiet()
    assert "L5" in story.laws_broken()


@pytest.mark.parametrize(
    "excuse", ["bad socket", "unreliable posts", "subscribed later", "deadline of the fan-out"]
)
def test_a_missing_push_that_something_can_excuse_breaks_no_law(excuse: str) -> None:
    story = plain()
    call = story.says("ann", "five", push=False)
    story.becomes_quiet()
    match excuse:
        case "bad socket":
            for life in story.history.sockets:
                life.bad = True
        case "unreliable posts":
            story.history.posts_are_reliable = False
        case "subscribed later":
            for each in [each for each in story.history.calls if each.kind == "subscribe"]:
                each.ended = call.started + 1
        case _:
            call.took = 1.0
    assert story.laws_broken() == set()


def test_a_client_that_lacks_an_event_after_its_last_ping() -> None:
    story = plain()
    story.becomes_quiet().copies[0].events.pop()
    assert "L5" in story.laws_broken()


def test_a_person_who_is_not_told_that_they_were_added() -> None:
    story = plain()
    story.becomes_quiet()
    story.history.heard = [each for each in story.history.heard if each.frame["type"] != "conversation_added"]
    assert "L5" in story.laws_broken()


# ---- L6: one bad recipient harms nobody ----------------------------------------------------------------


def test_an_answer_that_takes_too_long() -> None:
    story = plain()
    story.says("ann", "five").took = 60.0
    story.becomes_quiet()
    assert "L6" in story.laws_broken()


def test_an_answer_that_never_comes() -> None:
    story = plain()
    story.begins("ping", "bob", {"heads": {}}, via="bob 0.0", where="")
    story.becomes_quiet()
    assert "L6" in story.laws_broken()


def test_a_push_that_takes_too_long() -> None:
    story = plain()
    story.becomes_quiet()
    story.history.heard = [
        Heard(each.at, each.time + 60.0, each.who, each.socket, each.frame) if each.who == "bob" else each
        for each in story.history.heard
    ]
    assert "L6" in story.laws_broken()


# ---- L7: nobody learns what is not theirs --------------------------------------------------------------


def test_a_stranger_who_can_read() -> None:
    story = plain()
    story.becomes_quiet()
    page = story.reads_events("bob")
    page.who = "dan"
    assert "L7" in story.laws_broken()


def test_a_stranger_who_is_told_that_there_is_something() -> None:
    story = plain()
    story.refuses(story.begins("read", "dan", {"sequence_id": 99}), "VALIDATION_FAILED")
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_stranger_whose_refusal_differs_from_that_for_nothing() -> None:
    story = plain()
    story.becomes_quiet()
    call = story.refuses(story.begins("events", "dan", {"after": 0}, where="conv_none"))
    call.answer["error"]["message"] = "There is no such conversation."
    assert "L7" in story.laws_broken()


def test_a_stranger_who_hears_something() -> None:
    story = plain()
    story.says("ann", "five")
    story.pushes(story.log[-1], to=["dan"])
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_somebody_removed_who_hears_what_comes_after() -> None:
    story = plain()
    story.subscribes("cid")
    story.removes("ann", "cid")
    story.says("ann", "about cid")
    story.pushes(story.log[-1], to=["cid"])
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_somebody_removed_who_still_hears_what_came_before_breaks_no_law() -> None:
    story = plain()
    event = story.says("ann", "before").answer
    story.removes("ann", "cid")
    story.pushes(event, to=["cid"])
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_somebody_removed_who_hears_the_typing_that_began_after() -> None:
    story = plain()
    story.removes("ann", "cid")
    story.says("ann", "about cid")
    story.begins("typing", "ann", {"is_typing": True}, via="ann 0.0")
    frame = {"type": "typing", "conversation_id": WHERE, "participant": story.reference("ann"), "is_typing": True}
    story.hears("cid", frame)
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_somebody_removed_who_can_repeat_a_send() -> None:
    story = plain()
    call = story.says("cid", "five", "c-5")
    story.removes("ann", "cid")
    story.repeats(call)
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_participant_who_is_told_that_there_is_nothing() -> None:
    story = plain()
    story.refuses(story.begins("events", "bob", {"after": 0}))
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_message_of_somebody_who_had_been_removed() -> None:
    story = plain()
    story.removes("ann", "cid")
    story.says("cid", "still here")
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_removal_by_somebody_who_may_not() -> None:
    story = plain()
    story.removes("bob", "cid")
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_somebody_who_joins_what_is_not_open() -> None:
    story = plain()
    call = story.begins("join", "dan", {})
    story.inside["dan"] = "member"
    event = story.append("participant_joined", "dan", participant=story.member("dan"), reason="joined")
    story.pointers["dan"] = event["sequence_id"]
    story.pushes(event)
    story.hears(
        "dan",
        {"type": "conversation_added", "conversation": {"conversation_id": WHERE, "head": event["sequence_id"]}},
    )
    story.ends(call, story.view("dan"))
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_sender_under_another_name() -> None:
    story = plain()
    call = story.says("ann", "five", push=False)
    call.answer["sender"]["name"] = story.log[-1]["sender"]["name"] = "Bob"
    story.pushes(story.log[-1])
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_a_pong_that_names_a_conversation_of_others() -> None:
    story = plain()
    story.becomes_quiet()
    call = story.begins("ping", "dan", {"heads": {WHERE: 0}}, via="dan 0.0", where="")
    story.ends(call, {"type": "pong", "heads": {WHERE: len(story.log)}})
    assert "L7" in story.laws_broken()


def test_a_conversation_that_can_be_read_after_its_end() -> None:
    story = plain()
    story.ends(story.begins("delete", "ann", {}), None, 204)
    for who in ("ann", "bob"):
        story.hears(who, {"type": "conversation_deleted", "conversation_id": WHERE})
    story.reads_events("bob")
    story.history.quiet_since = story.tick()
    assert "L7" in story.laws_broken()


# ---- what the contract says besides --------------------------------------------------------------------


def test_an_unread_count_that_counts_events_instead_of_messages() -> None:
    story = plain()
    story.becomes_quiet()
    view = story.lists("ann").answer["conversations"][0]
    view["unread_count"] += 1
    assert "contract" in story.laws_broken()


def test_a_read_pointer_that_goes_back() -> None:
    story = plain()
    story.moves_pointer("bob", 6)
    story.pointers["bob"] = 3
    story.becomes_quiet()
    assert "contract" in story.laws_broken()


def test_a_read_pointer_that_sending_does_not_move() -> None:
    story = plain()
    story.says("ann", "five")
    story.pointers["ann"] = 2
    story.becomes_quiet()
    assert "contract" in story.laws_broken()


def test_an_answer_that_blames_the_server() -> None:
    story = plain()
    story.refuses(story.begins("list", "ann", {"page": 0}, where=""), "INTERNAL")
    story.becomes_quiet()
    assert "contract" in story.laws_broken()


def test_a_failure_that_the_server_has_logged() -> None:
    story = plain()
    story.becomes_quiet().failures.append("KeyError at sockets.py:1")
    assert "contract" in story.laws_broken()


def test_a_frame_of_the_gateway_about_a_failure() -> None:
    story = plain()
    story.becomes_quiet()
    story.hears("ann", {"message": "Internal server error"})
    assert "contract" in story.laws_broken()


def test_one_command_with_two_different_answers() -> None:
    story = plain()
    call = story.begins("ping", "ann", {}, via="ann 0.0", where="")
    story.ends(call, {"type": "pong", "heads": {}}).repeated_answers.append({"type": "pong", "heads": {WHERE: 1}})
    story.becomes_quiet()
    assert "contract" in story.laws_broken()


def test_a_list_that_is_not_in_the_order_of_activity() -> None:
    story = plain()
    story.becomes_quiet()
    call = story.lists("dan")
    call.answer["conversations"] = [
        {"conversation_id": "conv_2", "updated_at": "t1", "head": 1},
        {"conversation_id": "conv_3", "updated_at": "t2", "head": 1},
    ]
    assert "contract" in story.laws_broken()


def test_a_conversation_that_has_lost_its_last_owner() -> None:
    story = plain()
    call = story.begins("leave", "ann", {})
    del story.inside["ann"]
    del story.listening["ann"]
    story.pushes(story.append("participant_left", "ann", participant=story.member("ann"), reason="left"))
    story.hears("ann", {"type": "conversation_removed", "conversation_id": WHERE, "reason": "left"})
    story.ends(call, {"remaining_participants": 2})
    story.becomes_quiet()
    assert "contract" in story.laws_broken()


def test_a_bad_socket_of_the_same_person_is_no_excuse_for_the_healthy_one() -> None:
    story = plain()
    story.history.sockets.append(SocketLife("bob 1.0", "bob", story.tick(), bad=True))
    story.says("ann", "five", push=False)
    story.becomes_quiet()
    assert "L5" in story.laws_broken()
