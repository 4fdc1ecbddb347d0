"""Law L2: a send that is repeated with the same `client_message_id` is in the log once and answered alike."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import Response, TestClient

WHAT_IS_THE_SAME = ("message_id", "sequence_id", "created_at")


def test_socket_repeat_is_acknowledged_as_a_duplicate(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    first = alice.send_message(chat, "once", client_message_id="x")
    bob.post_message(chat, "in between")
    for _ in range(3):
        again = alice.send_message(chat, "once", client_message_id="x")
        assert again["duplicate"] is True
        assert _same(again) == _same(first)
    assert first["duplicate"] is False
    assert [event["content"] for event in alice.list_messages(chat)] == ["once", "in between"]


def test_http_repeat_returns_200_with_the_same_event(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    path, body = f"/conversations/{chat}/messages", {"content": "once", "client_message_id": "x"}
    first = alice.post(path, body).expect(201)
    assert alice.post(path, body).expect(200) == first
    assert alice.list_messages(chat) == [first]


def test_repeat_is_recognized_across_transports(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    path = f"/conversations/{chat}/messages"
    alice.connect()
    acked = alice.send_message(chat, "by socket", client_message_id="s")
    posted = alice.post(path, {"content": "by http", "client_message_id": "h"}).expect(201)

    repeated = alice.post(path, {"content": "by socket", "client_message_id": "s"}).expect(200)
    acked_again = alice.send_message(chat, "by http", client_message_id="h")
    assert _same(repeated) == _same(acked)
    assert _same(acked_again) == _same(posted)
    assert acked_again["duplicate"] is True
    assert alice.get_head(chat) == 3


def test_different_body_under_the_same_id_is_a_repeat(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect()
    first = alice.send_message(chat, "first", client_message_id="x")
    second = alice.send_message(
        chat, "second", client_message_id="x", metadata={"a": 1}, reply_to=first["sequence_id"]
    )
    assert _same(second) == _same(first)
    assert [event["content"] for event in alice.list_messages(chat)] == ["first"]


@pytest.mark.parametrize("change", ["a mention left", "a reply to nothing"])
def test_repeat_is_recognized_even_if_it_is_no_longer_valid(clients: MakeClients, change: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    first = alice.send_message(chat, "hello", client_message_id="x", mentions=[bob.id])
    fields: dict[str, Any] = {"mentions": [bob.id]} if change == "a mention left" else {"reply_to": 999}
    bob.leave(chat)
    again = alice.send_message(chat, "hello", client_message_id="x", **fields)
    assert _same(again) == _same(first)
    body = {"content": "hello", "client_message_id": "x", **fields}
    assert _same(alice.post(f"/conversations/{chat}/messages", body).expect(200)) == _same(first)


def test_client_message_id_is_scoped_to_sender_and_conversation(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat, other = alice.create_conversation("Chat", members=[bob]), alice.create_conversation("Other")
    sent = [
        person.post(
            f"/conversations/{conversation_id}/messages", {"content": "hello", "client_message_id": "x"}
        ).expect(201)
        for person, conversation_id in ((alice, chat), (bob, chat), (alice, other))
    ]
    assert len({event["message_id"] for event in sent}) == 3


def test_client_message_ids_are_compared_exactly(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    ids = ["x", "X", "x#", "#x", "x/y", "!" * 128, "!" * 127, "0", "00"]
    for identifier in ids:
        alice.post_message(chat, identifier, client_message_id=identifier)
    assert [event["client_message_id"] for event in alice.list_messages(chat)] == ids


def test_concurrent_sends_with_the_same_id_yield_one_event(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    sockets = [alice.connect() for _ in range(2)]
    message = {"client_message_id": "x", "content": "at once"}
    path = f"/conversations/{chat}/messages"

    acks = [partial(socket.request, "message", conversation_id=chat, **message) for socket in sockets]
    posts = [partial(_posted, alice, path, message) for _ in range(2)]
    answers = run_concurrently(*acks, *posts)

    assert len({tuple(_same(answer).items()) for answer in answers}) == 1, answers
    firsts = [answer.get("duplicate") is False or answer.get("status") == 201 for answer in answers]
    assert firsts.count(True) == 1, answers
    assert [event["content"] for event in bob.list_events(chat)[1:]] == ["at once"]
    received = bob.expect_message("at once")
    for frame in bob.socket.received_frames(type="event"):
        assert frame["event"] == received, "what is fanned out again is the same event"


def test_concurrent_sends_and_repeats_are_each_in_the_log_once(clients: MakeClients) -> None:
    everybody = clients(*(f"person{number}" for number in range(5)))
    chat = everybody[0].create_conversation("Chat", members=everybody[1:])
    path = f"/conversations/{chat}/messages"

    def send_three_things_twice(person: TestClient) -> list[dict[str, Any]]:
        messages = [{"client_message_id": f"m{number}", "content": f"{number}"} for number in range(3)]
        return [_posted(person, path, message) for message in messages for _ in range(2)]

    answers = run_concurrently(*(partial(send_three_things_twice, client) for client in everybody * 2))
    log = everybody[0].list_events(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 17))
    for person, mine in zip(everybody * 2, answers, strict=True):
        in_log = [event for event in log[1:] if event["sender"] == person.actor]
        assert len(in_log) == 3
        for answer in mine:
            assert _same(answer) in [_same(event) for event in in_log]


def _posted(person: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: Response = person.post(path, body)
    assert answer.status in (200, 201), answer
    return {**answer.body, "status": answer.status}


def _same(answer: dict[str, Any]) -> dict[str, Any]:
    return {field: answer[field] for field in WHAT_IS_THE_SAME}
