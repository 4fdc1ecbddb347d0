"""Law L7: who is not a participant learns nothing, not even that the conversation exists.

What a stranger is told about somebody's conversation is compared, header by header, with what they are told about
one that never was. The same holds for whoever was removed, has left, or whose conversation was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import People
from tests.support.client import Answer, Person

NO_CONVERSATION = "conv_AAAAAAAAAAAAAAAAAAAAAA"
VARYING_HEADERS = ("date", "x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id", "x-amz-request-id")

REQUESTS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "see": ("GET", "", None),
    "change": ("PATCH", "", {"title": "Mine now"}),
    "change badly": ("PATCH", "", {"title": ""}),
    "delete": ("DELETE", "", None),
    "join": ("POST", "/join", None),
    "join by invitation": ("POST", "/join", {"invite": "x"}),
    "leave": ("POST", "/leave", None),
    "add": ("POST", "/participants", {"participant_id": "x", "name": "X"}),
    "promote": ("PATCH", "/participants?participant_id=x", {"role": "owner"}),
    "remove": ("DELETE", "/participants?participant_id=x", None),
    "history": ("GET", "/messages", None),
    "history before": ("GET", "/messages?before=2", None),
    "history after": ("GET", "/messages?after=0&limit=1", None),
    "log": ("GET", "/events?after=0", None),
    "log beyond": ("GET", "/events?after=1000", None),
    "send": ("POST", "/messages", {"content": "hello"}),
    "send again": ("POST", "/messages", {"content": "secret", "client_message_id": "known"}),
    "reply": ("POST", "/messages", {"content": "hello", "reply_to": 2}),
    "mention": ("POST", "/messages", {"content": "hello", "mentions": ["x"]}),
    "edit": ("PATCH", "/messages/2", {"content": "hello"}),
    "edit beyond": ("PATCH", "/messages/1000", {"content": "hello"}),
    "delete a message": ("DELETE", "/messages/2", None),
    "react": ("PUT", "/messages/2/reactions?emoji=a", None),
    "take a reaction back": ("DELETE", "/messages/2/reactions?emoji=a", None),
    "who reacted": ("GET", "/messages/2/reactions", None),
    "who reacted to what is no message": ("GET", "/messages/1/reactions", None),
    "read": ("PUT", "/read", {"sequence_id": 1}),
    "read beyond": ("PUT", "/read", {"sequence_id": 1000}),
}
COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "subscribe": ("subscribe", {}),
    "subscribe after": ("subscribe", {"after": 0}),
    "subscribe beyond": ("subscribe", {"after": 1000}),
    "unsubscribe": ("unsubscribe", {}),
    "sync": ("sync", {"after": 0}),
    "message": ("message", {"content": "hello", "client_message_id": "new"}),
    "message again": ("message", {"content": "secret", "client_message_id": "known"}),
    "reply": ("message", {"content": "hello", "client_message_id": "new", "reply_to": 2}),
    "mention": ("message", {"content": "hello", "client_message_id": "new", "mentions": ["x"]}),
    "edit": ("edit", {"target": 2, "content": "hello"}),
    "edit beyond": ("edit", {"target": 1000, "content": "hello"}),
    "delete": ("delete", {"target": 2}),
    "delete what is no message": ("delete", {"target": 1}),
    "react": ("react", {"target": 2, "emoji": "a"}),
    "unreact": ("unreact", {"target": 2, "emoji": "a"}),
    "read": ("read", {"sequence_id": 1}),
    "read beyond": ("read", {"sequence_id": 1000}),
    "typing": ("typing", {"is_typing": True}),
    "stopped typing": ("typing", {"is_typing": False}),
}

Stranger = Callable[[Person, str, Person], None]


def _never_was_there(alice: Person, chat: str, stranger: Person) -> None:
    pass


def _was_removed(alice: Person, chat: str, stranger: Person) -> None:
    alice.adds(chat, stranger)
    stranger.posts(chat, "secret", client_message_id="known")
    alice.removes(chat, stranger)


def _has_left(alice: Person, chat: str, stranger: Person) -> None:
    alice.adds(chat, stranger)
    stranger.posts(chat, "secret", client_message_id="known")
    stranger.leaves(chat)


def _is_of_a_deleted_one(alice: Person, chat: str, stranger: Person) -> None:
    alice.adds(chat, stranger)
    stranger.posts(chat, "secret", client_message_id="known")
    alice.deletes(chat)


HISTORIES: dict[str, Stranger] = {
    "was never there": _never_was_there,
    "was removed": _was_removed,
    "has left": _has_left,
    "is of a deleted one": _is_of_a_deleted_one,
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_stranger_is_told_by_http_what_they_are_told_of_no_conversation(people: People, history: str) -> None:
    alice, stranger = people("alice", "stranger")
    chat = alice.creates("Secret")
    alice.posts(chat, "the secret", client_message_id="known")
    HISTORIES[history](alice, chat, stranger)
    before = None if history == "is of a deleted one" else alice.log(chat)
    for name, (method, rest, body) in REQUESTS.items():
        foreign = stranger.request(method, f"/conversations/{chat}{rest}", body)
        absent = stranger.request(method, f"/conversations/{NO_CONVERSATION}{rest}", body)
        assert _comparable(foreign) == _comparable(absent), name
        if not name.endswith("badly"):
            foreign.expect(404, "NOT_FOUND")
    if before is not None:
        assert alice.log(chat) == before


@pytest.mark.parametrize("history", HISTORIES)
def test_a_stranger_is_told_by_socket_what_they_are_told_of_no_conversation(people: People, history: str) -> None:
    alice, stranger = people("alice", "stranger")
    chat = alice.creates("Secret")
    alice.connects(chat)
    alice.posts(chat, "the secret", client_message_id="known")
    stranger.connects()
    HISTORIES[history](alice, chat, stranger)
    stranger.socket.forgets()
    alice.socket.forgets()
    for name, (command, fields) in COMMANDS.items():
        foreign = stranger.socket.asks(command, conversation_id=chat, **fields)
        absent = stranger.socket.asks(command, conversation_id=NO_CONVERSATION, **fields)
        assert _without_ids(foreign) == _without_ids(absent), name
        if command != "unsubscribe":
            assert foreign["code"] == "NOT_FOUND", name
    assert stranger.pings(**{chat: 0, NO_CONVERSATION: 0})["heads"] == {}
    stranger.hears_nothing()
    alice.hears_nothing()


def test_who_is_removed_is_told_so_and_hears_nothing_more(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    listening = bob.connects(chat)
    not_subscribed = bob.connects()
    listening.forgets()
    alice.removes(chat, bob)
    for socket in (listening, not_subscribed):
        assert socket.hears(type="conversation_removed") == {
            "type": "conversation_removed",
            "conversation_id": chat,
            "reason": "removed",
        }
    listening.hears_nothing()

    alice.posts(chat, "about bob")
    alice.changes(chat, title="Without bob")
    alice.types(chat)
    alice.says(chat, "more about bob", client_message_id="x")
    # Repeated by HTTP, whose answer comes after the fan-out.
    repeated = {"content": "more about bob", "client_message_id": "x"}
    alice.post(f"/conversations/{chat}/messages", repeated).expect(200)
    alice.disconnects()
    for socket in (listening, not_subscribed):
        socket.hears_nothing()
    assert bob.lists() == []


def test_who_was_removed_and_added_again_hears_again_once_they_subscribe(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    alice.removes(chat, bob)
    alice.adds(chat, bob)
    bob.hears(type="conversation_added")
    alice.posts(chat, "before he subscribes")
    bob.hears_nothing(type="event", event={"type": "message"})
    assert bob.subscribes(chat, after=3)["events"][0]["content"] == "before he subscribes"
    alice.posts(chat, "after that")
    bob.hears_message("after that")


def test_the_others_are_told_who_went_and_by_whom(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    carol.connects(chat)
    alice.removes(chat, bob)
    event = carol.hears_event("participant_left")
    assert event["sender"] == alice.reference
    assert event["participant"]["participant_id"] == bob.id
    assert event["reason"] == "removed"
    alice.adds(chat, bob)
    event = carol.hears_event("participant_joined")
    assert (event["sender"], event["reason"]) == (alice.reference, "added")
    assert event["participant"]["participant_id"] == bob.id
    carol.hears_nothing(type="conversation_removed")
    carol.hears_nothing(type="conversation_added")


def test_whoever_is_added_hears_it_on_every_socket_subscribed_or_not(people: People) -> None:
    alice, bob = people("alice", "bob")
    sockets = [bob.connects() for _ in range(2)]
    chat = alice.creates("Chat", with_=[bob])
    for socket in sockets:
        conversation = socket.hears(type="conversation_added")["conversation"]
        assert conversation["conversation_id"] == chat
        assert "participants" not in conversation
    other = alice.creates("Other")
    alice.adds(other, bob)
    for socket in sockets:
        assert socket.hears(type="conversation_added")["conversation"]["conversation_id"] == other


def _comparable(answer: Answer) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING_HEADERS}
    body = {**answer.body, "request_id": ""}
    assert NO_CONVERSATION not in json.dumps(body)
    return answer.status, headers, body


def _without_ids(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name not in ("id", "conversation_id")}
