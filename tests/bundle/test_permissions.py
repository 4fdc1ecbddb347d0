"""The policy of the sweep, both ways: what it does is allowed, and what is allowed it does.

The end-to-end tests look at the other functions (tests/e2e/permissions.py); they may be over before a sweep comes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.gateway.functions import LambdaContext
from local.launcher import Instance, Options, running
from local.schedule import scheduled_event
from local.settings import Ports
from local.tokens import mint
from tests.support.client import Http, Person, Stage

SECRET = "only-the-tests-of-the-bundle-sign-with-this"


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


def delete_a_conversation(instance: Instance) -> None:
    http = Http(instance.ready.http_url)
    stage = Stage(instance.ready.http_url, instance.ready.ws_url, token)
    alice, bob = Person(stage, http, "alice", "Alice"), Person(stage, http, "bob", "Bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.posts(chat, "hello", client_message_id="once")
    alice.deletes(chat)
    http.close()


@pytest.mark.usefixtures("own_environment")
def test_the_sweep_may_do_all_that_it_needs_and_nothing_else(built_directory: Path, tmp_path: Path) -> None:
    written = tmp_path / "record.json"
    with running(Options(Ports(0, 0, 0), bundle=built_directory, iam_record=written)) as instance:
        delete_a_conversation(instance)
        instance.scheduled(
            scheduled_event(),
            LambdaContext("Sweep", "6f1c0d0e-0000-4000-8000-00000000000a", instance.gateway.settings),
        )
    record = json.loads(written.read_text())
    assert record["denied"] == []
    assert [each for each in record["unused"] if each["function"] == "Sweep"] == []
