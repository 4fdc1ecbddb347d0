"""Export, erasure and retention, as the participant and the other members see them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MakeClients, client_factory
from tests.e2e.endpoints import stop_and_check_log
from tests.e2e.targets import MINISTACK, REMOTE, Servers
from tests.support import ministack
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.server import RETENTION_DAY, SHORT_RETENTION_SETTINGS

PATIENCE = 30.0


@pytest.fixture(scope="module")
def short_retention_endpoint(
    chat_target: str, servers: Servers, request: pytest.FixtureRequest
) -> Iterator[ChatEndpoint]:
    """Return a chat where a day of retention is short. Skips the test for a remote endpoint, where it is not."""
    if chat_target == REMOTE:
        pytest.skip("days would have to pass, and the environment names a stage")
    if chat_target == MINISTACK:
        running: ministack.MiniStackStage = request.getfixturevalue("ministack_stage")
        yield running.endpoint
        return
    # It has its own queue: another server would run its jobs with days of normal length.
    started = servers.start_isolated(chat_target, "brisk", SHORT_RETENTION_SETTINGS)
    yield started.endpoint
    stop_and_check_log(started)


@pytest.fixture
def short_retention_clients(short_retention_endpoint: ChatEndpoint) -> Iterator[MakeClients]:
    """Return a function that makes clients of that chat."""
    http = HttpClient(short_retention_endpoint.http_url)
    with client_factory(short_retention_endpoint, http) as make:
        yield make
    http.close()


def until(holds: Callable[[], Any]) -> Any:
    """Return the first result that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


def erased(person: TestClient) -> Any:
    """Request erasure, and return its status when it is done."""
    asked = person.delete("/me").expect(202)
    assert asked["status"] in ("running", "done")
    return until(lambda: (view := person.get("/me/erasure").expect(200))["status"] == "done" and view)


def exported(person: TestClient) -> list[Any]:
    """Return all pages of the export."""
    pages = [person.get("/me/export").expect(200)]
    while "next_cursor" in pages[-1]:
        pages.append(person.get("/me/export", cursor=pages[-1]["next_cursor"]).expect(200))
    return pages


def test_export_contains_all_own_messages_and_conversations(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    here = bob.create_conversation("Here", [alice])
    there = alice.create_conversation("There", [bob])
    for number in range(3):
        bob.post_message(here, f"here {number}")
        alice.post_message(here, "of alice")
    bob.post_message(there, "there")
    bob.leave(there)
    pages = exported(bob)
    assert {page["participant"]["participant_id"] for page in pages} == {bob.id}
    shown = {
        conversation["conversation_id"]: conversation for page in pages for conversation in page["conversations"]
    }
    assert shown[here]["title"] == "Here"
    assert shown[there] == {"conversation_id": there, "is_participant": False}
    texts = sorted(message["content"] for page in pages for message in page["messages"])
    assert texts == ["here 0", "here 1", "here 2", "there"]


def test_invalid_export_cursor_is_rejected(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    alice.get("/me/export", cursor="x").expect(400, "VALIDATION_FAILED")


def test_erasure_status_is_not_found_before_a_request(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    alice.get("/me/erasure").expect(404, "NOT_FOUND")


def test_erasure_removes_the_participant_from_every_conversation(short_retention_clients: MakeClients) -> None:
    alice, bob, carol = short_retention_clients("alice", "bob", "carol")
    chats = [alice.create_conversation(f"Chat {number}", [bob, carol]) for number in range(3)]
    for chat in chats:
        bob.post_message(chat, "my words", client_message_id="1")
        alice.post_message(chat, "hello", mentions=[bob.id])
    alice.connect(*chats)
    socket = bob.connect(*chats)
    done = erased(bob)
    assert (done["conversations_done"], done["conversations_total"]) == (3, 3)
    last_words = socket.expect_frame(type="disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("ERASED", False)
    aliases = set()
    for chat in chats:
        left = alice.expect_event("participant_left", conversation_id=chat)
        assert left["reason"] == "left"
        departed = alice.expect_event("participant_erased", conversation_id=chat)
        assert departed["sender"]["participant_id"] == bob.id
        aliases.add(departed["participant_id"])
        everything = str([carol.list_events(chat), carol.list_messages(chat), carol.get_conversation(chat)])
        assert bob.id not in everything
        assert "Bob" not in everything
        assert "my words" not in everything
        first, second = carol.list_messages(chat)
        assert first["sender"] == {"participant_id": departed["participant_id"], "name": "Erased", "type": "human"}
        assert {"deleted_at", "message_id"} <= {*first}
        assert second["mentions"] == [departed["participant_id"]]
    assert len(aliases) == 3, "nobody can tell that it is the same person"
    assert bob.list_conversations() == []


def test_erased_participant_can_return_and_be_erased_again(short_retention_clients: MakeClients) -> None:
    alice, bob = short_retention_clients("alice", "bob")
    chat = alice.create_conversation("Chat", [bob])
    first = erased(bob)
    alice.add_participant(chat, bob)
    bob.post_message(chat, "a new life")
    second = erased(bob)
    assert second["requested_at"] > first["requested_at"]
    everything = str([alice.list_events(chat), alice.get_conversation(chat)])
    assert "a new life" not in everything
    assert bob.id not in everything


def test_messages_expire_after_the_retention_period(short_retention_clients: MakeClients) -> None:
    alice, bob = short_retention_clients("alice", "bob")
    chat = alice.create_conversation("Chat", [bob])
    bob.connect(chat)
    sent = alice.post_message(chat, "old words")
    time.sleep(31 * RETENTION_DAY)
    assert alice.update_conversation(chat, retention_days=30)["retention_days"] == 30
    shown = bob.expect_event("content_expired", conversation_id=chat)
    assert shown["up_to"] >= sent["sequence_id"]

    def emptied() -> Any:
        (message,) = bob.list_messages(chat)
        return message if "content" not in message else None

    message = until(emptied)
    assert message["expired"] is True
    assert message["message_id"] == sent["message_id"]
    assert "old words" not in str(bob.list_events(chat))
    bob.patch(f"/conversations/{chat}/messages/{sent['sequence_id']}", {"content": "x"}).expect(403, "FORBIDDEN")
    alice.patch(f"/conversations/{chat}/messages/{sent['sequence_id']}", {"content": "x"}).expect(
        400, "VALIDATION_FAILED"
    )
    assert "retention_days" not in alice.update_conversation(chat, retention_days=None)


@pytest.mark.parametrize("days", [0, 29, 366, "30", 30.5, True])
def test_invalid_retention_period_is_rejected(clients: MakeClients, days: Any) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.patch(f"/conversations/{chat}", {"retention_days": days}).expect(400, "VALIDATION_FAILED")
