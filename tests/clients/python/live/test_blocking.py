"""The client for scripts without asyncio."""

from __future__ import annotations

import queue

import pytest
from serverless_chat import ChatClosedError, RefusedError
from serverless_chat import changes as asynchronous
from serverless_chat.blocking import Changes, Chat

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
        assert room.id in {row.conversation_id for row in bob.conversations.load(timeout=30)}
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


def test_handlers_are_called_in_order_and_may_call_the_chat(server: LiveServer) -> None:
    seen: queue.SimpleQueue[list[str | None]] = queue.SimpleQueue()
    conversation_id = server.create()
    with chat(server, "alice") as alice:
        room = alice.room(conversation_id)

        def answer(_messages: object) -> None:
            texts = [message.content for message in room.messages if message.status == "sent"]
            seen.put(texts)
            if texts == ["go"]:
                off()
                room.send("from the handler", timeout=30)
                seen.put(["answered"])

        off = room.changes.on(answer)
        room.send("go", timeout=30)
        while (texts := seen.get(timeout=30)) != ["go"]:
            assert texts == []
        assert seen.get(timeout=30) == ["answered"]
        assert seen.empty()


def test_handler_that_fails_does_not_stop_the_next_one(server: LiveServer) -> None:
    statuses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def fail(_status: str) -> None:
        raise RuntimeError("a defect of the script")

    unconnected = chat(server, "alice")
    unconnected.changes.on(fail)
    unconnected.changes.on(statuses.put)
    with unconnected:
        while statuses.get(timeout=30) != "open":
            pass


def test_changes_are_waited_for_and_yielded(server: LiveServer) -> None:
    with chat(server, "alice") as alice, chat(server, "bob") as bob:
        room = alice.create("Trip", [{"participant_id": "bob", "name": "Bob"}], timeout=30)
        other = bob.open(room.id, timeout=30)
        room.send("hello", timeout=30)
        other.changes.until(lambda _: other.unread_count == 1, timeout=30)
        other.typing()
        room.changes.until(lambda _: bool(room.typists), timeout=30)
        other.stop_typing()
        room.changes.until(lambda _: not room.typists, timeout=30)
        with pytest.raises(TimeoutError):
            room.changes.until(lambda _: False, timeout=0.05)
        changes = iter(other.changes)
        assert [message.content for message in next(changes)] == ["hello"]
        room.edit(room.messages[0], "edited")
        while next(changes)[0].content != "edited":
            pass
        changes.close()


def test_memberships_list_and_history_are_those_of_the_chat(server: LiveServer) -> None:
    with chat(server, "alice") as alice, chat(server, "bob") as bob:
        bob.connected(timeout=30)
        assert (bob.participant or {})["participant_id"] == "bob"
        assert bob.error is None
        rows = iter(bob.conversations)
        next(rows)
        room = alice.create("Open", join_policy="open", timeout=30)
        joined = bob.join(room.id, timeout=30)
        assert bob.opened(room.id) is not None
        room.send("hello", timeout=30)
        while not any(row.conversation_id == room.id and row.unread_count for row in next(rows)):
            pass
        assert [message["content"] for message in bob.history(room.id).messages] == ["hello"]
        assert bob.api.get(f"/conversations/{room.id}")["title"] == "Open"
        joined.changes.until(lambda _: joined.position == room.position, timeout=30)
        bob.leave(room.id)
        assert bob.opened(room.id) is None


def test_wait_that_takes_too_long_raises(server: LiveServer) -> None:
    unreachable = Chat(server.http_url, "ws://127.0.0.1:9/none", lambda: token("alice"))
    with unreachable, pytest.raises(TimeoutError):
        unreachable.open(server.create(), timeout=0.05)


def test_iteration_ends_after_a_timeout_without_events(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        # The thread of the loop must yield the known event within the timeout, also on a busy machine.
        assert [event["type"] for event in room.events(timeout=2)] == ["conversation_created"]


def test_closed_chat_ends_iterations_and_refuses_calls(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        events = room.events(timeout=30)
        next(events)
    assert list(events) == []
    assert list(room.changes) == []
    alice.close()
    with pytest.raises(ChatClosedError):
        room.send("too late")


def test_error_of_an_iteration_is_raised(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        values: dict[str, int] = {}
        changes = Changes(alice.changes._loop, asynchronous.Changes(lambda: values["missing"]))
        with pytest.raises(KeyError):
            list(changes)


def test_closed_room_ends_iterations(server: LiveServer) -> None:
    with chat(server, "alice") as alice:
        room = alice.open(server.create(), timeout=30)
        room.close()
        assert list(room.events(timeout=30)) == []
        assert list(room.changes) == []
