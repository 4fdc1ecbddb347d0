"""Hooks before a message, over real sockets: a local callable behind the Lambda API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.endpoints import stop_and_check_log
from tests.e2e.targets import Servers
from tests.support.client import HttpClient, TestClient, new_client_message_id
from tests.support.server import PATIENT_SETTINGS, ServerProcess

HOOK = "tests.support.hook_function:ask"


class Chat(NamedTuple):
    """A server with a hook, and two participants."""

    process: ServerProcess
    http: HttpClient
    alice: TestClient
    bob: TestClient
    calls_file: Path

    def calls(self) -> list[str]:
        """Return the types of the actions of each call since the last time."""
        calls = self.calls_file.read_text("utf-8").splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return calls


def chats(target: str, servers: Servers, place: Path, policy: str) -> Iterator[Chat]:
    calls_file = place / "calls"
    environment = {
        **PATIENT_SETTINGS,
        "CHAT_HOOK": HOOK,
        "CHAT_HOOK_FAILURE": policy,
        "CHAT_TIME_HOOK": "1.5",
        "HOOK_CALLS": str(calls_file),
    }
    process = servers.start_sibling(target, f"hooks-{policy}", environment)
    http = HttpClient(process.endpoint.http_url)
    alice, bob = (TestClient(process.endpoint, http, name, name.title()) for name in ("alice", "bob"))
    yield Chat(process, http, alice, bob, calls_file)
    for person in (alice, bob):
        person.disconnect()
    http.close()
    stop_and_check_log(process)


@pytest.fixture(scope="module")
def chat(
    chat_target: str, server: ServerProcess, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chat]:
    """Return a chat whose hook refuses if it fails."""
    del server  # skips where the tests start no server
    yield from chats(chat_target, servers, tmp_path_factory.mktemp("hooks"), "refuse")


@pytest.fixture(scope="module")
def lenient(
    chat_target: str, server: ServerProcess, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chat]:
    """Return a chat whose hook allows if it fails."""
    del server
    yield from chats(chat_target, servers, tmp_path_factory.mktemp("hooks"), "allow")


@pytest.fixture
def conversation(chat: Chat) -> str:
    created = chat.alice.create_conversation("Trip", members=[chat.bob])
    chat.calls()
    return created


def test_message_by_http_is_changed_for_everyone(chat: Chat, conversation: str) -> None:
    chat.bob.connect(conversation)
    path, body = f"/conversations/{conversation}/messages", {"content": "damn it", "client_message_id": "1"}
    sent = chat.alice.post(path, body).expect(201)
    assert sent["content"] == "**** it"
    assert chat.bob.expect_message("**** it")["sequence_id"] == sent["sequence_id"]
    assert chat.alice.post(path, body).expect(200) == sent
    assert chat.calls() == ["message"], "a repeat is not asked about"


def test_message_by_socket_is_changed_in_its_acknowledgement(chat: Chat, conversation: str) -> None:
    chat.alice.connect(conversation)
    ack = chat.alice.send_message(conversation, "damn it")
    assert ack["stored"]["content"] == "**** it"
    assert "stored" not in chat.alice.send_message(conversation, "hello")
    edited = chat.alice.command(
        "edit", "ack", conversation_id=conversation, target=ack["sequence_id"], content="damn that"
    )
    assert edited["stored"]["content"] == "**** that"
    error = chat.alice.command(
        "message",
        "error",
        conversation_id=conversation,
        content="forbidden",
        client_message_id=new_client_message_id(),
    )
    assert (error["code"], error["message"], error["retryable"]) == ("REFUSED_BY_HOOK", "Not here.", False)
    assert chat.calls() == ["message", "message", "edit", "message"]
    assert [found["content"] for found in chat.alice.list_messages(conversation)] == ["**** that", "hello"]


def test_edit_by_http_is_changed_and_refused(chat: Chat, conversation: str) -> None:
    target = chat.alice.post_message(conversation, "hello")["sequence_id"]
    assert chat.alice.edit_message(conversation, target, "damn")["content"] == "****"
    refused = chat.alice.patch(f"/conversations/{conversation}/messages/{target}", {"content": "forbidden"})
    assert refused.expect(403)["error"]["code"] == "REFUSED_BY_HOOK"


def test_batch_is_one_call(chat: Chat, conversation: str) -> None:
    commands = [
        {"type": "message", "conversation_id": conversation, "client_message_id": text, "content": text}
        for text in ("damn", "hello", "forbidden", "later")
    ]
    results = chat.alice.post("/batch", {"commands": commands}).expect(200)["results"]
    assert [result.get("code") for result in results] == [None, None, "REFUSED_BY_HOOK", "NOT_ATTEMPTED"]
    assert results[0]["stored"]["content"] == "****"
    assert chat.calls() == ["message message message message"]


def test_creations_and_additions_are_changed_and_refused(chat: Chat) -> None:
    chat.calls()
    created = chat.alice.post("/conversations", {"title": "damn"}).expect(201)
    assert created["title"] == "****"
    refused = chat.alice.post("/conversations", {"title": "forbidden"})
    assert refused.expect(403)["error"] == {
        **refused.body["error"],
        "code": "REFUSED_BY_HOOK",
        "message": "Not here.",
    }
    path = f"/conversations/{created['conversation_id']}/participants"
    addition = {"participant_id": "carol", "name": "forbidden"}
    assert chat.alice.post(path, addition).expect(403)["error"]["code"] == "REFUSED_BY_HOOK"
    chat.alice.post(path, {**addition, "name": "Carol"}).expect(201)
    direct = chat.alice.put("/direct?participant_id=dave", {"name": "forbidden"})
    assert direct.expect(403)["error"]["code"] == "REFUSED_BY_HOOK"
    chat.alice.put("/direct?participant_id=dave", {}).expect(201)
    chat.alice.put("/direct?participant_id=dave", {"name": "forbidden"}).expect(200)
    assert chat.calls() == ["creation", "creation", "addition", "addition", "creation", "creation"]


def test_service_is_exempt_and_the_participant_it_acts_for_is_not(chat: Chat, conversation: str) -> None:
    token = chat.process.service_token()
    body = {"content": "forbidden", "client_message_id": "1"}
    path = f"/conversations/{conversation}/messages"
    chat.http.request("POST", f"/service{path}", body, token=token).expect(201)
    assert chat.calls() == []
    acting = chat.http.request("POST", path, body, token=token, headers={"Chat-Participant": "alice"})
    assert acting.expect(403)["error"]["code"] == "REFUSED_BY_HOOK"


@pytest.mark.parametrize("content", ["slow", "garbage"])
def test_failure_refuses_for_now_or_allows(chat: Chat, lenient: Chat, content: str) -> None:
    conversation = chat.alice.create_conversation("Trip")
    path, body = f"/conversations/{conversation}/messages", {"content": content}
    error = chat.alice.post(path, body).expect(503)["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["retry_after"] >= 1
    assert chat.alice.list_messages(conversation) == []
    conversation = lenient.alice.create_conversation("Trip")
    assert lenient.alice.post_message(conversation, content)["content"] == content
