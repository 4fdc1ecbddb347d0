"""Positions of clients in a log that was restored: rewritten below, at and above what the client knows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.e2e.endpoints import stop_and_check_log
from tests.e2e.targets import Servers
from tests.support.client import HttpClient, Response, TestClient
from tests.support.server import PATIENT_SETTINGS, ServerProcess

NEWER, OTHER = f"{10**15 - 1}.restored", "0.another"
VOID = [
    pytest.param(2, OTHER, id="rewritten above the position"),
    pytest.param(4, OTHER, id="rewritten at the position"),
    pytest.param(9, None, id="position beyond the head"),
    pytest.param(9, OTHER, id="position beyond the head of another history"),
]


def _chat(person: TestClient) -> str:
    """Return a conversation whose head is 4."""
    chat = person.create_conversation("Chat")
    for content in ("one", "two", "three"):
        person.post_message(chat, content)
    return chat


def _named(after: int, history_id: str | None) -> dict[str, Any]:
    return {"after": after} | ({} if history_id is None else {"history_id": history_id})


@pytest.mark.parametrize(("after", "history_id"), VOID)
def test_void_position_on_the_socket_is_reset_to_the_newest_events(
    clients: MakeClients, after: int, history_id: str | None
) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    alice.connect()
    for command in ("subscribe", "sync"):
        reply = alice.socket.request(command, conversation_id=chat, **_named(after, history_id))
        assert reply["reset"] is True
        assert [event["sequence_id"] for event in reply["events"]] == [1, 2, 3, 4]
        assert (reply["head"], reply["has_more"]) == (4, False)


@pytest.mark.parametrize("after", [0, 2, 4])
def test_known_position_is_not_reset(clients: MakeClients, after: int) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    alice.connect()
    own = alice.socket.request("ping")["history_id"]
    for command in ("subscribe", "sync"):
        for named in (own, None):
            reply = alice.socket.request(command, conversation_id=chat, **_named(after, named))
            assert "reset" not in reply
            assert [event["sequence_id"] for event in reply["events"]] == list(range(after + 1, 5))
    for path in ("events", "messages", "audit"):
        alice.get(f"/conversations/{chat}/{path}", **_named(after, own)).expect(200)


@pytest.mark.parametrize(("after", "history_id"), VOID)
def test_void_position_over_http_is_rejected_with_the_present_head(
    clients: MakeClients, after: int, history_id: str | None
) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    alice.connect()
    for path in ("events", "messages", "audit"):
        answer = alice.get(f"/conversations/{chat}/{path}", **_named(after, history_id))
        error = answer.expect(409, "POSITION_UNKNOWN")["error"]
        assert (error["head"], error["history_id"]) == (4, alice.socket.request("ping")["history_id"])


def test_function_with_an_outdated_configuration_is_unavailable(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    socket = alice.connect()
    for command in ("subscribe", "sync"):
        reply = socket.request(command, conversation_id=chat, after=1, history_id=NEWER)
        assert (reply["code"], reply["retryable"]) == ("UNAVAILABLE", True)
    assert socket.request("ping", history_id=NEWER)["code"] == "UNAVAILABLE"
    assert socket.request("hello", history_id=NEWER)["code"] == "UNAVAILABLE"
    for path in ("events", "messages", "audit"):
        alice.get(f"/conversations/{chat}/{path}", history_id=NEWER).expect(503, "UNAVAILABLE")


def test_hello_resets_the_conversations_of_another_history(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    socket = alice.connect()
    subscribe = [{"conversation_id": chat, "after": 4}]
    socket.send("hello", id="again", history_id=OTHER, subscribe=subscribe)
    assert socket.expect_frame(type="welcome", id="again")["history_id"]
    assert socket.expect_frame(type="subscribed", id="again")["reset"] is True


def test_outsider_cannot_tell_a_void_position_from_an_unknown_conversation(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = _chat(alice)
    bob.get(f"/conversations/{chat}/events", after=9, history_id=OTHER).expect(404, "NOT_FOUND")
    bob.connect()
    reply = bob.socket.request("subscribe", conversation_id=chat, after=9, history_id=OTHER)
    assert reply["code"] == "NOT_FOUND"


WRITES: dict[str, dict[str, Any]] = {
    "message": {"content": "a reply", "client_message_id": "reply", "reply_to": 2, "seen": 4},
    "edit": {"target": 2, "content": "edited"},
    "react": {"target": 2, "emoji": "👍"},
    "unreact": {"target": 3, "emoji": "🎉"},
    "read": {"sequence_id": 2},
    "delete": {"target": 2},
}
"""Commands that name sequence ids, each of which would change something."""


@pytest.mark.parametrize(("history_id", "code"), [(OTHER, "POSITION_UNKNOWN"), (NEWER, "UNAVAILABLE")])
@pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])
def test_command_with_sequence_ids_of_another_history_writes_nothing(
    clients: MakeClients, history_id: str, code: str, in_batch: bool
) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    alice.connect()
    alice.socket.request("react", conversation_id=chat, target=3, emoji="🎉")
    own, before = alice.socket.request("ping")["history_id"], alice.get_conversation(chat)
    for command, fields in WRITES.items():
        named = {"conversation_id": chat, "history_id": history_id, **fields}
        if in_batch:
            results = alice.socket.request("batch", commands=[{"type": command, **named}])["results"]
            over_http = alice.post("/batch", {"commands": [{"type": command, **named}]}).expect(200)["results"]
            assert [result["code"] for result in (*results, *over_http)] == [code, code]
            continue
        error = alice.socket.request(command, **named)
        assert (error["code"], error["retryable"]) == (code, code == "UNAVAILABLE")
        assert error.get("history_id") == (own if code == "POSITION_UNKNOWN" else None)
        assert "head" not in error
    assert alice.get_conversation(chat) == before
    for command, fields in WRITES.items():
        reply = alice.socket.request(command, **fields, conversation_id=chat, history_id=own)
        assert reply["type"] != "error"


def test_batch_goes_on_in_other_conversations_after_a_command_of_another_history(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat, other = _chat(alice), _chat(alice)
    alice.connect()
    message = {"type": "message", "content": "text"}
    commands = [
        {**message, "conversation_id": chat, "client_message_id": "1"},
        {"type": "delete", "conversation_id": chat, "target": 2, "history_id": OTHER},
        {**message, "conversation_id": chat, "client_message_id": "2"},
        {**message, "conversation_id": other, "client_message_id": "3"},
    ]
    results = alice.socket.request("batch", commands=commands)["results"]
    assert [result.get("code") for result in results] == [None, "POSITION_UNKNOWN", "NOT_ATTEMPTED", None]


@pytest.mark.parametrize(
    ("history_id", "status", "code"), [(OTHER, 409, "POSITION_UNKNOWN"), (NEWER, 503, "UNAVAILABLE")]
)
def test_request_with_sequence_ids_of_another_history_writes_nothing(
    clients: MakeClients, history_id: str, status: int, code: str
) -> None:
    alice, bob = clients("alice", "bob")
    chat = _chat(alice)
    before, path = alice.get_conversation(chat), f"/conversations/{chat}"
    query = f"?history_id={history_id}"

    def requests(person: TestClient) -> list[Response]:
        return [
            person.post(f"{path}/messages{query}", {"content": "a reply", "reply_to": 2}),
            person.patch(f"{path}/messages/2{query}", {"content": "edited"}),
            person.delete(f"{path}/messages/2", history_id=history_id),
            person.put(f"{path}/messages/2/reactions{query}&emoji=x"),
            person.delete(f"{path}/messages/2/reactions", history_id=history_id, emoji="x"),
            person.put(f"{path}/read{query}", {"sequence_id": 2}),
        ]

    for answer in (*requests(alice), *requests(bob)):
        answer.expect(status, code)
    assert alice.get_conversation(chat) == before


def test_every_frame_and_answer_with_a_sequence_id_carries_the_history_id(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    socket = alice.connect(chat)
    own = socket.request("ping")["history_id"]
    ack = alice.send_message(chat, "four")
    target = ack["sequence_id"]
    replies = [
        ack,
        socket.expect_frame(type="event"),
        socket.request("react", conversation_id=chat, target=target, emoji="👍"),
        alice.mark_read(chat, target),
        socket.request("sync", conversation_id=chat, after=0),
    ]
    assert {reply["history_id"] for reply in replies} == {own}
    answer = alice.get(f"/conversations/{chat}")
    assert answer.headers["chat-history-id"] == own


def test_restored_deployment_resets_positions_of_the_old_history(
    clients: MakeClients, server: ServerProcess, servers: Servers, chat_target: str
) -> None:
    (alice,) = clients("alice")
    chat = _chat(alice)
    old = alice.connect().request("ping")["history_id"]
    restored = servers.start_sibling(chat_target, "restored", {**PATIENT_SETTINGS, "CHAT_HISTORY_ID": NEWER})
    http = HttpClient(restored.endpoint.http_url)
    try:
        client = TestClient(restored.endpoint, http, alice.id, alice.name)
        reply = client.connect().request("subscribe", conversation_id=chat, after=4, history_id=old)
        assert (reply["reset"], reply["history_id"]) == (True, NEWER)
        error = client.get(f"/conversations/{chat}/events", after=4, history_id=old).expect(409)["error"]
        assert (error["code"], error["history_id"], error["head"]) == ("POSITION_UNKNOWN", NEWER, 4)
        reply = alice.socket.request("subscribe", conversation_id=chat, after=4, history_id=NEWER)
        assert reply["code"] == "UNAVAILABLE", "the old configuration must not answer for the new one"
        client.disconnect()
    finally:
        http.close()
        stop_and_check_log(restored)
