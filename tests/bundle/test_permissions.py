"""The policies of sweep and worker allow all that these functions do, and nothing else.

The end-to-end tests cover the other functions (tests/e2e/iam_permissions.py): they may end before the first
sweep, and make the worker use all its permissions only by chance.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.gateway.functions import LambdaContext
from local.launcher import Instance, Options, running
from local.schedule import scheduled_event
from local.settings import Ports
from local.tokens import mint
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.expiring import use_expiring, wait_until

SECRET = "only-the-tests-of-the-bundle-sign-with-this"
GRACE = {"CHAT_TIME_EXPIRED_TOKEN_GRACE": "0", "CHAT_JWT_LEEWAY": "0"}
FAST_SWEEP = {**GRACE, "CHAT_RETENTION_DAYS": "30", "CHAT_TIME_RETENTION_DAY": "0.05"}
FAST_WORKER = {**GRACE, "CHAT_TIME_ERASURE_GRACE": "0.5"}
TIMEOUT = 30.0
USED_BY_LAMBDA_ONLY = {
    # Lambda's event source mapping requires it of the function's role, in addition to the two that the local
    # worker uses as well (Lambda Developer Guide, "Using Lambda with Amazon SQS").
    ("ConsumeJobs", "sqs:GetQueueAttributes"),
}
USED_WITHOUT_QUEUE = {
    # Without a job queue, the sweep itself copies changed profiles, and reads the heads of the conversations.
    ("PurgeAndExpire", "dynamodb:BatchGetItem"),
}


class People(NamedTuple):
    """Five participants of a chat, and Frank, an outsider."""

    alice: TestClient
    bob: TestClient
    carol: TestClient
    dave: TestClient
    eve: TestClient
    frank: TestClient


class Run(NamedTuple):
    """An instance and its participants."""

    instance: Instance
    people: People


@pytest.fixture
def own_environment() -> Iterator[None]:
    """Restores the environment variables, which an instance in this process changes."""
    before = dict(os.environ)
    os.environ["CHAT_JWT_SECRET"] = SECRET
    yield
    os.environ.clear()
    os.environ.update(before)


def token(participant_id: str, name: str, ttl: int) -> str:
    return mint(participant_id, name, ttl, secret=SECRET)


@contextlib.contextmanager
def running_bundle(bundle: Path, record: Path, settings: dict[str, str]) -> Iterator[Run]:
    os.environ.update(settings)
    with running(Options(Ports(0, 0, 0), bundle=bundle, iam_record=record)) as instance:
        endpoint = ChatEndpoint(instance.ready.http_url, instance.ready.ws_url, token)
        http = HttpClient(instance.ready.http_url)
        people = People(*(TestClient(endpoint, http, name, name.title()) for name in People._fields))
        yield Run(instance, people)
        for person in people:
            person.disconnect()
        http.close()


def unused(record: Path, function: str) -> set[tuple[str, str]]:
    """Return the permissions that a function did not use; assert that none was denied."""
    recorded = json.loads(record.read_text())
    assert recorded["denied"] == []
    return {(entry["sid"], entry["action"]) for entry in recorded["unused"] if entry["function"] == function}


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.05)


def delete_a_conversation(people: People) -> None:
    chat = people.alice.create_conversation("Chat", members=[people.bob])
    people.alice.post_message(chat, "hello", client_message_id="once")
    people.alice.delete_conversation(chat)


def start_erasure(people: People) -> None:
    """Start an erasure that waits a minute for operations in progress."""
    people.alice.create_conversation("Chat", members=[people.frank])
    assert people.frank.delete("/me").expect(202)["status"] == "running"


def conversation_with_stale_connections(run: Run) -> str:
    """Create one with two live subscribers, one whose token has expired, and one that has vanished silently."""
    alice, bob, carol, dave, eve, _ = run.people
    chat = alice.create_conversation("Chat", members=[bob, carol, dave, eve])
    for person in (bob, carol, dave, eve):
        person.connect(chat)
    sequence_id = eve.post_message(chat, "hello")["sequence_id"]
    alice.add_reaction(chat, sequence_id, "👍")
    _, ends_at = use_expiring(carol, lambda token: carol.command("auth", "auth_ok", token=token))
    run.instance.gateway.change(disconnect="dropped")
    dave.disconnect()
    wait_until(ends_at)
    return chat


def sweep(instance: Instance) -> None:
    context = LambdaContext("Sweep", "6f1c0d0e-0000-4000-8000-00000000000a", instance.gateway.settings)
    instance.scheduled(scheduled_event(), context)


@pytest.mark.usefixtures("own_environment")
def test_sweep_uses_exactly_its_permissions(built_directory: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    # Deployment-wide retention enqueues no jobs: only the sweep finds expired content.
    with running_bundle(built_directory, record, FAST_SWEEP) as run:
        delete_a_conversation(run.people)
        chat = conversation_with_stale_connections(run)
        start_erasure(run.people)

        def has_expired() -> bool:
            sweep(run.instance)
            return "content_expired" in {event["type"] for event in run.people.alice.list_events(chat)}

        until(has_expired)
        run.people.bob.expect_event("content_expired", conversation_id=chat)
    assert unused(record, "Sweep") == USED_WITHOUT_QUEUE


@pytest.mark.usefixtures("own_environment")
def test_worker_uses_exactly_its_permissions(built_directory: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    with running_bundle(built_directory, record, FAST_WORKER) as run:
        chat = conversation_with_stale_connections(run)
        run.people.alice.request("PUT", "/me/profile", {"name": "Al"}).expect(200)
        run.people.bob.expect_frame(type="profile")
        eve = run.people.eve
        eve.delete("/me").expect(202)
        until(lambda: eve.get("/me/erasure").expect(200)["status"] == "done")
        run.people.bob.expect_event("participant_erased", conversation_id=chat)
        assert eve.socket.expect_frame(type="disconnect")["code"] == "ERASED"
    assert unused(record, "Worker") == USED_BY_LAMBDA_ONLY
