"""Events leave a local instance by webhooks: all of them, in order, whatever fails or is killed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.events import CONCURRENCY
from local.tokens import mint, mint_for_service
from tests.local.instance import Instance, Instances
from tests.local.kill_traffic import Connection
from tests.local.receiver import Receiver

SECRET = "only-the-tests-of-events-sign-with-this-secret"
SETTINGS = {"CHAT_JWT_SECRET": SECRET, "CHAT_EVENTS": "on"}
CONVERSATIONS = 12
SOON = 60.0
"""Seconds in which events arrive: a job that finds no slot is repeated after up to 30."""
LEASE_ENDED = 75.0
IS_LONG = bool(os.environ.get("CHAT_LOCAL_EVENTS_WHOLE"))
"""Whether to wait for the lease of a killed process."""


class Chat:
    """An instance as Alice and as the product's backend."""

    def __init__(self, instance: Instance) -> None:
        self.alice = Connection(instance.ready["http_url"], mint("alice", "Alice", secret=SECRET))
        settings = {
            "CHAT_JWT_SECRET": SECRET,
            "CHAT_SERVICE_SCOPE": "chat-service",
            "CHAT_SERVICE_CLIENTS": "backend",
        }
        self.backend = Connection(instance.ready["http_url"], mint_for_service("", 600, settings))

    def add_endpoint(self, receiver: Receiver) -> str:
        """Create the endpoint of a receiver."""
        status, endpoint = self.backend.call("POST", "/service/endpoints", {"url": receiver.url})
        assert status == 201, endpoint
        receiver.secret = endpoint["secret"]
        return str(endpoint["endpoint_id"])

    def create(self) -> str:
        """Create a conversation."""
        status, conversation = self.alice.call("POST", "/conversations", {"title": "Mirrored"})
        assert status == 201, conversation
        return str(conversation["conversation_id"])

    def send(self, conversation_id: str, number: int) -> int:
        """Send a message and return its sequence id."""
        body = {"content": f"message {number}", "client_message_id": f"m{number}"}
        status, message = self.alice.call("POST", f"/conversations/{conversation_id}/messages", body)
        assert status == 201, message
        return int(message["sequence_id"])

    def close(self) -> None:
        """Close both connections."""
        self.alice.close()
        self.backend.close()


Connect = Callable[[Instance], Chat]


@pytest.fixture
def instances() -> Iterator[Instances]:
    with Instances() as started:
        yield started


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that opens a chat, which is closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda instance: stack.enter_context(contextlib.closing(Chat(instance)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        assert receiver.faults == []


def expect(receiver: Receiver, heads: dict[str, int], seconds: float = SOON) -> None:
    """Wait until the receiver has every event of all conversations."""
    complete = {name: list(range(1, head + 1)) for name, head in heads.items()}
    receiver.wait_until(lambda: all(receiver._logs[name] == ids for name, ids in complete.items()), seconds)
    assert {name: receiver.received(name) for name in heads} == complete


def test_receiver_gets_all_events_in_order(instances: Instances, receiver: Receiver, connect: Connect) -> None:
    instance = instances.start(**SETTINGS)
    chat = connect(instance)
    chat.add_endpoint(receiver)
    heads = {chat.create(): 0 for _ in range(3)}
    chats = {conversation_id: connect(instance) for conversation_id in heads}

    def send(conversation_id: str) -> None:
        for number in range(20):
            heads[conversation_id] = chats[conversation_id].send(conversation_id, number)

    senders = [threading.Thread(target=send, args=(conversation_id,)) for conversation_id in heads]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    expect(receiver, heads)


def test_receiver_that_was_down_gets_what_it_missed(
    instances: Instances, receiver: Receiver, connect: Connect
) -> None:
    chat = connect(instances.start(**SETTINGS))
    endpoint_id = chat.add_endpoint(receiver)
    conversation_id = chat.create()
    expect(receiver, {conversation_id: 1})
    receiver.close()
    for number in range(5):
        chat.send(conversation_id, number)
    wait_for_failure(chat, endpoint_id)
    receiver.open()
    expect(receiver, {conversation_id: chat.send(conversation_id, 5)})


def test_endpoint_that_was_disabled_gets_what_it_missed(
    instances: Instances, receiver: Receiver, connect: Connect
) -> None:
    chat = connect(instances.start(**SETTINGS))
    endpoint_id = chat.add_endpoint(receiver)
    conversation_id = chat.create()
    expect(receiver, {conversation_id: 1})
    for is_enabled in (False, True):
        status, _ = chat.backend.call("PATCH", f"/service/endpoints/{endpoint_id}", {"enabled": is_enabled})
        assert status == 200
        if not is_enabled:
            missed = chat.send(conversation_id, 0)
    expect(receiver, {conversation_id: missed})


def wait_for_failure(chat: Chat, endpoint_id: str) -> None:
    """Wait until an attempt has failed."""
    waiting = threading.Event()
    for _ in range(600):
        status, state = chat.backend.call("GET", f"/service/endpoints/{endpoint_id}")
        assert status == 200, state
        if state["failures"]:
            return
        waiting.wait(0.05)
    raise AssertionError("no attempt failed")


def test_killed_instance_publishes_the_rest_after_its_start(
    instances: Instances, receiver: Receiver, connect: Connect, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        **SETTINGS,
        "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000",
        "CHAT_LIMIT_MESSAGE_BURST": "1000",
        # A killed worker holds its slot until its lease has ended: there are slots for the others meanwhile.
        "CHAT_LIMIT_SERVICE_DELIVERIES": str(2 * CONCURRENCY),
    }
    instance = instances.start("--data", str(tmp_path), **settings)
    chat = connect(instance)
    chat.add_endpoint(receiver)
    heads = {chat.create(): 1 for _ in range(CONVERSATIONS)}
    expect(receiver, heads)
    heads = {conversation_id: chat.send(conversation_id, 0) for conversation_id in heads}
    instance.process.kill()
    instance.process.wait()
    instances.start("--data", str(tmp_path), **settings)
    waiting = {name: list(range(1, head + 1)) for name, head in heads.items()}

    def missing() -> int:
        return sum(receiver._logs[name] != ids for name, ids in waiting.items())

    # A delivery that was in progress is repeated when its lease has ended.
    assert receiver.wait_until(lambda: missing() <= CONCURRENCY, SOON), missing()
    if IS_LONG:
        expect(receiver, heads, LEASE_ENDED)


def test_events_are_published_with_reload(instances: Instances, receiver: Receiver, connect: Connect) -> None:
    """The store and its changes are in another process."""
    chat = connect(instances.start("--reload", **SETTINGS))
    chat.add_endpoint(receiver)
    conversation_id = chat.create()
    expect(receiver, {conversation_id: chat.send(conversation_id, 0)})
