"""Law L2: whatever is sent again under the same `client_message_id` is in the log once, and answered alike."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.e2e.conftest import People
from tests.e2e.together import at_once
from tests.support.client import Answer, Person

WHAT_IS_THE_SAME = ("message_id", "sequence_id", "created_at")


def test_by_socket_a_repeat_is_acknowledged_like_the_first_and_marked(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    first = alice.says(chat, "once", client_message_id="x")
    bob.posts(chat, "in between")
    for _ in range(3):
        again = alice.says(chat, "once", client_message_id="x")
        assert again["duplicate"] is True
        assert _same(again) == _same(first)
    assert first["duplicate"] is False
    assert [event["content"] for event in alice.history(chat)] == ["once", "in between"]


def test_by_http_a_repeat_is_answered_200_with_the_same_event(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    path, body = f"/conversations/{chat}/messages", {"content": "once", "client_message_id": "x"}
    first = alice.post(path, body).expect(201)
    assert alice.post(path, body).expect(200) == first
    assert alice.history(chat) == [first]


def test_what_was_sent_by_one_transport_is_a_repeat_on_the_other(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    path = f"/conversations/{chat}/messages"
    alice.connects()
    acked = alice.says(chat, "by socket", client_message_id="s")
    posted = alice.post(path, {"content": "by http", "client_message_id": "h"}).expect(201)

    repeated = alice.post(path, {"content": "by socket", "client_message_id": "s"}).expect(200)
    acked_again = alice.says(chat, "by http", client_message_id="h")
    assert _same(repeated) == _same(acked)
    assert _same(acked_again) == _same(posted)
    assert acked_again["duplicate"] is True
    assert alice.head(chat) == 3


def test_of_two_bodies_under_one_id_the_first_wins(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.connects()
    first = alice.says(chat, "first", client_message_id="x")
    second = alice.says(chat, "second", client_message_id="x", metadata={"a": 1}, reply_to=first["sequence_id"])
    assert _same(second) == _same(first)
    assert [event["content"] for event in alice.history(chat)] == ["first"]


@pytest.mark.parametrize("change", ["a mention left", "a reply to nothing"])
def test_a_repeat_is_found_even_if_it_could_not_be_sent_any_more(people: People, change: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    first = alice.says(chat, "hello", client_message_id="x", mentions=[bob.id])
    fields: dict[str, Any] = {"mentions": [bob.id]} if change == "a mention left" else {"reply_to": 999}
    bob.leaves(chat)
    again = alice.says(chat, "hello", client_message_id="x", **fields)
    assert _same(again) == _same(first)
    body = {"content": "hello", "client_message_id": "x", **fields}
    assert _same(alice.post(f"/conversations/{chat}/messages", body).expect(200)) == _same(first)


def test_the_id_is_the_senders_and_the_conversations_own(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat, other = alice.creates("Chat", with_=[bob]), alice.creates("Other")
    sent = [
        person.post(f"/conversations/{where}/messages", {"content": "hello", "client_message_id": "x"}).expect(201)
        for person, where in ((alice, chat), (bob, chat), (alice, other))
    ]
    assert len({event["message_id"] for event in sent}) == 3


def test_client_message_ids_of_different_spelling_are_different(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    ids = ["x", "X", "x#", "#x", "x/y", "!" * 128, "!" * 127, "0", "00"]
    for each in ids:
        alice.posts(chat, each, client_message_id=each)
    assert [event["client_message_id"] for event in alice.history(chat)] == ids


def test_the_same_send_from_two_sockets_and_by_http_at_once_is_one_event(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    sockets = [alice.connects() for _ in range(2)]
    message = {"client_message_id": "x", "content": "at once"}
    path = f"/conversations/{chat}/messages"

    acks = [partial(each.asks, "message", conversation_id=chat, **message) for each in sockets]
    posts = [partial(_posted, alice, path, message) for _ in range(2)]
    answers = at_once(*acks, *posts)

    assert len({tuple(_same(each).items()) for each in answers}) == 1, answers
    firsts = [each.get("duplicate") is False or each.get("status") == 201 for each in answers]
    assert firsts.count(True) == 1, answers
    assert [event["content"] for event in bob.log(chat)[1:]] == ["at once"]
    heard = bob.hears_message("at once")
    for frame in bob.socket.has_heard(type="event"):
        assert frame["event"] == heard, "what is fanned out again is the same event"


def test_many_different_sends_and_repeats_at_once_are_each_in_the_log_once(people: People) -> None:
    everybody = people(*(f"person{number}" for number in range(5)))
    chat = everybody[0].creates("Chat", with_=everybody[1:])
    path = f"/conversations/{chat}/messages"

    def send_three_things_twice(person: Person) -> list[dict[str, Any]]:
        messages = [{"client_message_id": f"m{number}", "content": f"{number}"} for number in range(3)]
        return [_posted(person, path, message) for message in messages for _ in range(2)]

    answers = at_once(*(partial(send_three_things_twice, each) for each in everybody * 2))
    log = everybody[0].log(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 17))
    for person, mine in zip(everybody * 2, answers, strict=True):
        in_log = [event for event in log[1:] if event["sender"] == person.reference]
        assert len(in_log) == 3
        for answer in mine:
            assert _same(answer) in [_same(event) for event in in_log]


def _posted(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: Answer = person.post(path, body)
    assert answer.status in (200, 201), answer
    return {**answer.body, "status": answer.status}


def _same(answer: dict[str, Any]) -> dict[str, Any]:
    return {field: answer[field] for field in WHAT_IS_THE_SAME}
