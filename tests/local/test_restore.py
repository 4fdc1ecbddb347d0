"""A backup that is opened after the original has continued: clients discard positions of the original."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.tokens import mint
from tests.bundle.build import built_stage, shared_directory
from tests.local.instance import TIMEOUT, Instance, Instances
from tests.support.client import ChatEndpoint, HttpClient, TestClient

SECRET = "only-the-tests-of-a-restore-sign-with-this"


class Deployment:
    """An instance that is started and killed with changing data directories, and its only client."""

    def __init__(self, instances: Instances, options: Sequence[str]) -> None:
        self._instances = instances
        self._options = options
        self._instance: Instance | None = None
        self._http: HttpClient | None = None
        self._client: TestClient | None = None

    def start(self, data: Path) -> TestClient:
        """Start an instance and return a client with an open socket."""
        options = ("--data", str(data), *self._options)
        self._instance = self._instances.start(*options, CHAT_JWT_SECRET=SECRET)
        ready = self._instance.ready
        endpoint = ChatEndpoint(
            ready["http_url"],
            ready["ws_url"],
            lambda participant_id, name, ttl: mint(participant_id, name, ttl, secret=SECRET),
        )
        self._http = HttpClient(endpoint.http_url)
        self._client = TestClient(endpoint, self._http, "alice", "Alice")
        self._client.connect()
        return self._client

    def disconnect(self) -> None:
        """Close all connections of the client."""
        if self._client is not None and self._http is not None:
            self._client.disconnect()
            self._http.close()

    def kill(self) -> None:
        """End the instance without any chance to write."""
        assert self._instance is not None
        self.disconnect()
        self._instance.process.send_signal(signal.SIGKILL)
        self._instance.process.communicate(timeout=TIMEOUT)


@pytest.fixture(params=["development", "bundle"])
def deployment(
    request: pytest.FixtureRequest, instances: Instances, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    options: list[str] = []
    if request.param == "bundle":
        built = built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")
        options = ["--bundle", str(built), "--environments", "2"]
    started = Deployment(instances, options)
    yield started
    started.disconnect()


def send_until(client: TestClient, conversation: str, head: int) -> None:
    for number in range(client.get_head(conversation) + 1, head + 1):
        client.post_message(conversation, f"message {number}")


def number_of(history_id: str) -> int:
    return int(history_id.partition(".")[0])


@pytest.mark.parametrize(
    ("deployment", "in_place"),
    [("development", False), ("development", True), ("bundle", False)],
    indirect=["deployment"],
    ids=["development, another directory", "development, the same directory", "bundle, another directory"],
)
def test_client_beyond_the_head_of_a_restored_backup_is_reset(
    deployment: Deployment, instances: Instances, tmp_path: Path, in_place: bool
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    client = deployment.start(data)
    chat = client.create_conversation("Restored")
    send_until(client, chat, 6)
    copying = instances.spawn("backup", str(data), str(backup))
    assert copying.communicate(timeout=TIMEOUT)[0] == f"{data} was copied to {backup}.\n"
    send_until(client, chat, 10)
    known = client.subscribe(chat)
    assert (known["head"], known["events"][-1]["content"]) == (10, "message 10")
    position: dict[str, Any] = {"after": 10, "history_id": known["history_id"]}
    deployment.kill()

    if in_place:
        data.rename(tmp_path / "lost")
        backup.rename(data)
    client = deployment.start(data if in_place else backup)
    for command in ("subscribe", "sync"):
        reply = client.socket.request(command, conversation_id=chat, **position)
        assert (reply["reset"], reply["head"]) == (True, 6)
        assert [event["sequence_id"] for event in reply["events"]] == [1, 2, 3, 4, 5, 6]
        assert number_of(reply["history_id"]) > number_of(known["history_id"])
    rejected = client.get(f"/conversations/{chat}/events", **position).expect(409, "POSITION_UNKNOWN")
    assert (rejected["error"]["head"], rejected["error"]["history_id"]) == (6, reply["history_id"])

    # Also when the rewritten log has passed the position, which then is below the head.
    send_until(client, chat, 12)
    assert client.socket.request("sync", conversation_id=chat, **position)["reset"] is True


def test_position_is_valid_after_a_crash(deployment: Deployment, tmp_path: Path) -> None:
    client = deployment.start(tmp_path)
    chat = client.create_conversation("Crashed")
    known = client.subscribe(chat)
    deployment.kill()

    client = deployment.start(tmp_path)
    resumed = client.subscribe(chat, after=1, history_id=known["history_id"])
    assert (resumed["events"], resumed["history_id"]) == ([], known["history_id"])
    assert "reset" not in resumed


def test_each_run_in_memory_is_a_newer_history(instances: Instances) -> None:
    numbers = []
    for _ in range(2):
        instance = instances.start(CHAT_JWT_SECRET=SECRET)
        http = HttpClient(instance.ready["http_url"])
        answer = http.request("GET", "/conversations", token=mint("alice", "Alice", 60, secret=SECRET))
        numbers.append(number_of(answer.headers["chat-history-id"]))
        http.close()
        instance.stop()
    assert numbers[0] < numbers[1]
