"""The client for scripts without asyncio."""

from __future__ import annotations

import contextlib
import queue

import pytest
from serverless_chat import ChatClosedError, RefusedError
from serverless_chat.blocking import Chat

from tests.clients.python.live.server import LiveServer, token


def chat(server: LiveServer, participant: str) -> Chat:
    return Chat(server.http_url, server.ws_url, lambda: token(participant))


def test_script_sends_and_reads(server: LiveServer) -> None:
    with chat(server, "alice") as alice, chat(server, "bob") as bob:
        room = alice.create("Trip", [{"participant_id": "bob", "name": "Bob"}])
        sent = room.send("hello", timeout=30)
        assert sent.sequence_id == 2
        other = bob.open(room.id, timeout=30)
        assert [message.content for message in other.messages] == ["hello"]
        assert room.id in {row.conversation_id for row in bob.conversations()}
        other.read()
        assert other.unread_count == 0
        events = other.events(timeout=30)
        assert [next(events)["sequence_id"], next(events)["sequence_id"]] == [1, 2]
        room.edit(sent.sequence_id, "edited")
        assert next(events)["type"] == "message_edited"
        events.close()
        assert not other.older()
        with pytest.raises(RefusedError):
            room.send(" ", timeout=30)


def test_refused_update_is_reported_to_scripts(server: LiveServer) -> None:
    refused: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    with chat(server, "alice") as alice, chat(server, "bob") as bob:
        room = alice.create("Trip", [{"participant_id": "bob", "name": "Bob"}])
        off = bob.on_error(lambda error: refused.put((error.code, bob.status)))
        bob.open(room.id, timeout=30).edit(room.send("hello", timeout=30).sequence_id, "not by its author")
        assert refused.get(timeout=30) == ("FORBIDDEN", "open")
        off()


def test_wait_that_takes_too_long_raises(server: LiveServer) -> None:
    unreachable = Chat(server.http_url, "ws://127.0.0.1:9/none", lambda: token("alice"))
    with unreachable, pytest.raises(TimeoutError):
        unreachable.open(server.create(), timeout=0.05)


def test_iteration_ends_after_a_timeout_without_events(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        assert [event["type"] for event in room.events(timeout=0.05)] == ["conversation_created"]


def test_closed_chat_ends_iterations_and_refuses_calls(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        events = room.events(timeout=30)
        next(events)
    with contextlib.suppress(ChatClosedError):
        assert list(events) == []
    with pytest.raises(ChatClosedError):
        room.send("too late")


def test_error_of_an_iteration_is_raised(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        room.close()
        with pytest.raises(KeyError):
            list(room.events(timeout=30))
