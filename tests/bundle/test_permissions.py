"""The policies of sweep and work, both ways: what they do is allowed, and what is allowed they do.

The end-to-end tests cover the other functions (tests/e2e/iam_permissions.py); they may be over before a sweep
comes, and meet by chance only what makes long work do all that it may.
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

SECRET = "only-the-tests-of-the-bundle-sign-with-this"
GRACE = {"CHAT_TIME_EXPIRED_TOKEN_GRACE": "1"}
BRISK_SWEEP = {**GRACE, "CHAT_RETENTION_DAYS": "30", "CHAT_TIME_RETENTION_DAY": "0.05"}
BRISK_WORK = {**GRACE, "CHAT_TIME_ERASURE_GRACE": "0.5"}
PATIENCE = 30.0
BY_LAMBDA = {
    # Lambda's event source mapping wants it of the function's role, beside the two that the local worker uses as
    # well (Lambda developer guide, "Using Lambda with Amazon SQS").
    ("ConsumeJobs", "sqs:GetQueueAttributes"),
}


class People(NamedTuple):
    """Those who are in a chat, and one who is not."""

    alice: TestClient
    bob: TestClient
    carol: TestClient
    dave: TestClient
    eve: TestClient
    frank: TestClient


class Run(NamedTuple):
    """An instance, and who is there."""

    instance: Instance
    people: People


@pytest.fixture
def own_environment() -> Iterator[None]:
    """An instance in this process changes its variables; they come back."""
    before = dict(os.environ)
    os.environ["CHAT_JWT_SECRET"] = SECRET
    yield
    os.environ.clear()
    os.environ.update(before)


def token(participant_id: str, name: str, ttl: int) -> str:
    return mint(participant_id, name, ttl, secret=SECRET)


@contextlib.contextmanager
def a_run(bundle: Path, written: Path, settings: dict[str, str]) -> Iterator[Run]:
    os.environ.update(settings)
    with running(Options(Ports(0, 0, 0), bundle=bundle, iam_record=written)) as instance:
        stage, http = (
            ChatEndpoint(instance.ready.http_url, instance.ready.ws_url, token),
            HttpClient(instance.ready.http_url),
        )
        people = People(*(TestClient(stage, http, name, name.title()) for name in People._fields))
        yield Run(instance, people)
        for each in people:
            each.disconnect()
        http.close()


def unused(written: Path, function: str) -> set[tuple[str, str]]:
    """What its policy allows and it did not do; it did nothing else."""
    record = json.loads(written.read_text())
    assert record["denied"] == []
    return {(each["sid"], each["action"]) for each in record["unused"] if each["function"] == function}


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def delete_a_conversation(people: People) -> None:
    chat = people.alice.create_conversation("Chat", members=[people.bob])
    people.alice.post_message(chat, "hello", client_message_id="once")
    people.alice.delete_conversation(chat)


def begin_an_erasure(people: People) -> None:
    """One that waits for what is under way, for a minute."""
    people.alice.create_conversation("Chat", members=[people.frank])
    assert people.frank.delete("/me").expect(202)["status"] == "running"


def a_conversation_that_is_heard(run: Run) -> str:
    """By two who hear it, one whose token has expired, and one who is gone without that anybody knows."""
    alice, bob, carol, dave, eve, _ = run.people
    chat = alice.create_conversation("Chat", members=[bob, carol, dave, eve])
    for each in (bob, carol, dave, eve):
        each.connect(chat)
    said = eve.post_message(chat, "hello")["sequence_id"]
    alice.add_reaction(chat, said, "👍")
    carol.command("auth", "auth_ok", token=token(carol.id, carol.name, -20))
    run.instance.gateway.change(disconnect="dropped")
    dave.disconnect()
    return chat


def sweep(instance: Instance) -> None:
    context = LambdaContext("Sweep", "6f1c0d0e-0000-4000-8000-00000000000a", instance.gateway.settings)
    instance.scheduled(scheduled_event(), context)


@pytest.mark.usefixtures("own_environment")
def test_the_sweep_may_do_all_that_it_needs_and_nothing_else(built_directory: Path, tmp_path: Path) -> None:
    written = tmp_path / "record.json"
    # The deployment's retention sends nothing to the queue: the sweep finds what has expired, and nobody else.
    with a_run(built_directory, written, BRISK_SWEEP) as run:
        delete_a_conversation(run.people)
        chat = a_conversation_that_is_heard(run)
        begin_an_erasure(run.people)

        def expires() -> bool:
            sweep(run.instance)
            return "content_expired" in {event["type"] for event in run.people.alice.list_events(chat)}

        until(expires)
        run.people.bob.expect_event("content_expired", conversation_id=chat)
    assert unused(written, "Sweep") == set()


@pytest.mark.usefixtures("own_environment")
def test_long_work_may_do_all_that_it_needs_and_nothing_else(built_directory: Path, tmp_path: Path) -> None:
    written = tmp_path / "record.json"
    with a_run(built_directory, written, BRISK_WORK) as run:
        chat = a_conversation_that_is_heard(run)
        eve = run.people.eve
        eve.delete("/me").expect(202)
        until(lambda: eve.get("/me/erasure").expect(200)["status"] == "done")
        run.people.bob.expect_event("participant_erased", conversation_id=chat)
        assert eve.socket.expect_frame(type="disconnect")["code"] == "ERASED"
    assert unused(written, "Worker") == BY_LAMBDA
