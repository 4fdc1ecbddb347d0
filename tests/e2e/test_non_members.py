"""Law L7: a non-member learns nothing, not even that the conversation exists.

Responses about a foreign conversation are compared, header by header, with those about a conversation that never
existed. The same holds for removed members, members who left, and members of a deleted conversation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import Response, TestClient

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
    "personal state": ("PATCH", "/me", {"archived": True}),
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
}

Stranger = Callable[[TestClient, str, TestClient], None]


def _never_was_there(alice: TestClient, chat: str, stranger: TestClient) -> None:
    pass


def _was_removed(alice: TestClient, chat: str, stranger: TestClient) -> None:
    alice.add_participant(chat, stranger)
    stranger.post_message(chat, "secret", client_message_id="known")
    alice.remove_participant(chat, stranger)


def _has_left(alice: TestClient, chat: str, stranger: TestClient) -> None:
    alice.add_participant(chat, stranger)
    stranger.post_message(chat, "secret", client_message_id="known")
    stranger.leave(chat)


def _is_of_a_deleted_one(alice: TestClient, chat: str, stranger: TestClient) -> None:
    alice.add_participant(chat, stranger)
    stranger.post_message(chat, "secret", client_message_id="known")
    alice.delete_conversation(chat)


HISTORIES: dict[str, Stranger] = {
    "was never there": _never_was_there,
    "was removed": _was_removed,
    "has left": _has_left,
    "is of a deleted one": _is_of_a_deleted_one,
}


@pytest.mark.parametrize("history", HISTORIES)
def test_http_answers_non_members_like_an_unknown_conversation(clients: MakeClients, history: str) -> None:
    alice, stranger = clients("alice", "stranger")
    chat = alice.create_conversation("Secret")
    alice.post_message(chat, "the secret", client_message_id="known")
    HISTORIES[history](alice, chat, stranger)
    before = None if history == "is of a deleted one" else alice.list_events(chat)
    for name, (method, rest, body) in REQUESTS.items():
        foreign = stranger.request(method, f"/conversations/{chat}{rest}", body)
        absent = stranger.request(method, f"/conversations/{NO_CONVERSATION}{rest}", body)
        assert _comparable(foreign) == _comparable(absent), name
        if not name.endswith("badly"):
            foreign.expect(404, "NOT_FOUND")
    if before is not None:
        assert alice.list_events(chat) == before


@pytest.mark.parametrize("history", HISTORIES)
def test_socket_answers_non_members_like_an_unknown_conversation(clients: MakeClients, history: str) -> None:
    alice, stranger = clients("alice", "stranger")
    chat = alice.create_conversation("Secret")
    alice.connect(chat)
    alice.post_message(chat, "the secret", client_message_id="known")
    stranger.connect()
    HISTORIES[history](alice, chat, stranger)
    stranger.socket.discard_frames()
    alice.socket.discard_frames()
    for name, (command, fields) in COMMANDS.items():
        foreign = stranger.socket.request(command, conversation_id=chat, **fields)
        absent = stranger.socket.request(command, conversation_id=NO_CONVERSATION, **fields)
        assert _without_ids(foreign) == _without_ids(absent), name
        if command != "unsubscribe":
            assert foreign["code"] == "NOT_FOUND", name
    assert stranger.ping(**{chat: 0, NO_CONVERSATION: 0})["heads"] == {}
    for conversation_id in (chat, NO_CONVERSATION):
        stranger.send_typing(conversation_id, is_typing=False)  # without effect, and never refused
    stranger.expect_no_frame()
    alice.expect_no_frame()


def test_removed_member_is_notified_and_receives_nothing_more(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    listening = bob.connect(chat)
    not_subscribed = bob.connect()
    listening.discard_frames()
    alice.remove_participant(chat, bob)
    for socket in (listening, not_subscribed):
        assert socket.expect_frame(type="conversation_removed") == {
            "type": "conversation_removed",
            "conversation_id": chat,
            "reason": "removed",
        }
    listening.expect_no_frame()

    alice.post_message(chat, "about bob")
    alice.update_conversation(chat, title="Without bob")
    alice.send_typing(chat)
    alice.send_message(chat, "more about bob", client_message_id="x")
    # Repeated by HTTP, whose response comes after the fan-out.
    repeated = {"content": "more about bob", "client_message_id": "x"}
    alice.post(f"/conversations/{chat}/messages", repeated).expect(200)
    alice.disconnect()
    for socket in (listening, not_subscribed):
        socket.expect_no_frame()
    assert bob.list_conversations() == []


def test_readded_member_receives_events_after_subscribing(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    alice.remove_participant(chat, bob)
    alice.add_participant(chat, bob)
    bob.expect_frame(type="invited", conversation_id=chat)
    bob.join(chat)
    bob.expect_frame(type="conversation_added")
    alice.post_message(chat, "before he subscribes")
    bob.expect_no_frame(type="event", event={"type": "message"})
    assert bob.subscribe(chat, after=3)["events"][0]["content"] == "before he subscribes"
    alice.post_message(chat, "after that")
    bob.expect_message("after that")


def test_members_are_notified_of_removals_and_additions(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    carol.connect(chat)
    alice.remove_participant(chat, bob)
    event = carol.expect_event("participant_left")
    assert event["sender"] == alice.actor
    assert event["participant"]["participant_id"] == bob.id
    assert event["reason"] == "removed"
    assert alice.add_participant(chat, bob)["membership"] == "pending"
    bob.join(chat)
    event = carol.expect_event("participant_joined")
    assert (event["sender"], event["reason"]) == (bob.actor, "accepted")
    assert event["participant"]["participant_id"] == bob.id
    carol.expect_no_frame(type="conversation_removed")
    carol.expect_no_frame(type="conversation_added")


def test_added_member_is_notified_on_every_connection(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    sockets = [bob.connect() for _ in range(2)]
    chat = alice.create_conversation("Chat", members=[bob])
    for socket in sockets:
        conversation = socket.expect_frame(type="conversation_added")["conversation"]
        assert conversation["conversation_id"] == chat
        assert "participants" not in conversation
    other = alice.create_conversation("Other")
    alice.add_participant(other, bob)
    for socket in sockets:
        assert socket.expect_frame(type="conversation_added")["conversation"]["conversation_id"] == other


def _comparable(answer: Response) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING_HEADERS}
    body = {**answer.body, "request_id": ""}
    assert NO_CONVERSATION not in json.dumps(body)
    return answer.status, headers, body


def _without_ids(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name not in ("id", "conversation_id")}
