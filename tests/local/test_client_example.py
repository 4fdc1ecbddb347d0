"""The client in docs/client_example.py against a server whose data is restored from a backup."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from local.tokens import mint
from tests.local.instance import ROOT, TIMEOUT, Instance, Instances, call

SECRET = "only-the-test-of-the-example-signs-with-this"
SCRIPT = ROOT / "docs" / "client_example.py"
NewClient = Callable[[Instance, str], Any]


@pytest.fixture
def new_client() -> Iterator[NewClient]:
    """Return a function that makes a connected client of the script."""
    spec = importlib.util.spec_from_file_location("client_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: list[Any] = []

    def make(instance: Instance, participant: str) -> Any:
        ready = instance.ready
        client = module.Client(ready["http_url"], ready["ws_url"], token(participant))
        made.append(client)
        client.connect()
        return client

    yield make
    for client in made:
        client.socket.close()


def token(participant: str) -> str:
    return mint(participant, participant.title(), secret=SECRET)


def log(instance: Instance, conversation: str) -> dict[int, Any]:
    """Return the log by sequence id."""
    path = f"/conversations/{conversation}/events?limit=100"
    status, page = call("GET", instance.ready["http_url"] + path, token("alice"))
    assert status == 200
    return {event["sequence_id"]: event for event in page["events"]}


def contents(client: Any, conversation: str) -> list[str]:
    shown = client.events[conversation]
    return [shown[number]["content"] for number in sorted(shown) if "content" in shown[number]]


def receive_until(client: Any, conversation: str, head: int) -> None:
    while head not in client.events[conversation]:
        client.receive(json.loads(client.socket.recv(timeout=TIMEOUT)))


def test_script_has_fewer_than_60_lines() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 60


def test_client_shows_the_log_and_unread_counts_after_a_reload_and_a_restore(
    instances: Instances, tmp_path: Path, new_client: NewClient
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    instance = instances.start("--data", str(data), CHAT_JWT_SECRET=SECRET)
    body = {"title": "Example", "participants": [{"participant_id": "bob", "name": "Bob"}]}
    status, created = call("POST", f"{instance.ready['http_url']}/conversations", token("alice"), body)
    assert status == 201
    chat = created["conversation_id"]

    alice, bob = new_client(instance, "alice"), new_client(instance, "bob")
    alice.send((chat, "one"), (chat, "two"), (chat, "three"))
    receive_until(alice, chat, 4)
    assert alice.outbox == []
    assert alice.events[chat] == log(instance, chat)
    assert contents(alice, chat) == ["one", "two", "three"]

    assert new_client(instance, "bob").unread == {chat: 3}
    bob.command("read", conversation_id=chat, sequence_id=4)
    reloaded = new_client(instance, "bob")
    assert (reloaded.unread, reloaded.events[chat]) == ({chat: 0}, log(instance, chat))

    copying = instances.spawn("backup", str(data), str(backup))
    assert copying.wait(TIMEOUT) == 0
    alice.send((chat, "lost"), (chat, "lost, too"))
    bob.connect()
    assert (bob.unread, sorted(bob.events[chat])) == ({chat: 2}, [1, 2, 3, 4, 5, 6])
    instance.process.kill()
    instance.process.communicate()
    with pytest.raises(ConnectionClosed):
        alice.send((chat, "four"), (chat, "five"))

    instance = instances.start("--data", str(backup), CHAT_JWT_SECRET=SECRET)
    before = alice.history_id
    for client in (alice, bob):
        client.http_url, client.ws_url = instance.ready["http_url"], instance.ready["ws_url"]
        client.connect()
    for client in (alice, bob):
        receive_until(client, chat, 6)
    assert (alice.outbox, contents(alice, chat)) == ([], ["one", "two", "three", "four", "five"])
    assert alice.events[chat] == bob.events[chat] == log(instance, chat)
    assert alice.history_id == bob.history_id != before
    assert new_client(instance, "bob").unread == {chat: 2}
