"""The application over a real engine, with a poster that keeps what it is given, and moments to interfere in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Observer
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from chalicelib.identity.model import Identity
from chalicelib.settings import Settings
from tests.support.engine import Engine, create_tables, dynamodb, store_engine
from tests.support.sequential import run_sequential

__all__ = ["dynamodb", "store_engine"]

TABLES = json.loads((Path(__file__).parents[3] / "infra" / "tables.json").read_text())


class KeepingPoster:
    """A poster that delivers to a list, but for who is gone."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.gone: set[str] = set()

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Keep what can be posted."""
        for to, payloads in mail.items():
            if to not in self.gone:
                self.posted += [(to, json.loads(payload)) for payload in payloads]
        return [to for to in mail if to in self.gone]

    def close(self, connection_id: str) -> None:
        """Keep who was closed."""
        self.closed.append(connection_id)


class Moments:
    """A `Gather` that lets a test interfere when several things are read: after the n-th time, or amid a next."""

    def __init__(self) -> None:
        self.then: dict[int, Callable[[], object]] = {}
        self.amidst: Callable[[], object] | None = None
        self.count = 0

    def after(self, nth: int, do: Callable[[], object]) -> None:
        """Count from now on, and interfere after the `nth`."""
        self.count = 0
        self.then = {nth: do}

    def amid(self, do: Callable[[], object]) -> None:
        """Interfere the next time, when of the calls only the last one is done."""
        self.amidst = do

    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """Do all, and what was asked for."""
        between, self.amidst = self.amidst, None
        if between is None:
            results = run_sequential(*calls)
        else:
            *earlier, last = calls
            done = last()
            between()
            results = [*run_sequential(*earlier), done]
        self.count += 1
        self.then.pop(self.count, lambda: None)()
        return results


class World:
    """An application with everything that a test wants to reach into."""

    def __init__(self, engine: Engine) -> None:
        client = engine.client()
        names = create_tables(client, TABLES)
        self.moments, self.poster = Moments(), KeepingPoster()
        settings = Settings.from_environment(
            {
                "CHAT_CONVERSATIONS_TABLE": names["ConversationsTable"],
                "CHAT_CONNECTIONS_TABLE": names["ConnectionsTable"],
                "CHAT_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/unused",
                "CHAT_JWT_SECRET": "a-secret-for-the-tests-of-the-core",
                "AWS_REGION": "us-east-1",
            }
        )
        self.chat: Application = build(
            settings, dynamo_client=client, poster=self.poster, clock=SystemClock(), gather=self.moments
        )
        self._client = client

    def told_to(self, observer: Observer) -> Application:
        """The same application once more, with somebody who is told."""
        return build(self.chat.settings, dynamo_client=self._client, poster=self.poster, observer=observer)

    def conversation(self, owner: str, *others: str) -> str:
        """A new one."""
        people = [NewParticipant(participant_id=each, name=each) for each in others]
        request = CreateConversation(title="Trip", participants=people, join_policy="open")
        outcome = self.chat.conversations.lifecycle.create(Principal(owner, owner), request)
        return str(outcome.response["conversation_id"])

    def opens(self, connection_id: str, person: str, *subscribed: str) -> None:
        """A socket that has spoken, and subscribed."""
        until = int(self.chat.runtime.clock.now()) + 3600
        self.chat.sessions.connections.open(connection_id, Identity(person, person, until))
        wanted = [{"conversation_id": each} for each in subscribed]
        self.says(connection_id, type="hello", subscribe=wanted)

    def says(self, connection_id: str, **frame: Any) -> list[dict[str, Any]]:
        """The answers to a frame, whose pushes are carried out."""
        reply = self.chat.sessions.dispatcher.receive(connection_id, json.dumps(frame))
        self.chat.realtime.fan_out.deliver(reply.pushes, within=5)
        return reply.replies


@pytest.fixture(scope="session")
def session_world(store_engine: Engine) -> World:
    """One for all tests: each has conversations and sockets of its own."""
    return World(store_engine)


@pytest.fixture
def world(session_world: World) -> Iterator[World]:
    """The world, with nothing posted yet and nothing planned."""
    session_world.poster.posted.clear()
    session_world.poster.closed.clear()
    session_world.poster.gone.clear()
    session_world.moments.then.clear()
    session_world.moments.amidst = None
    yield session_world
    moments = session_world.moments
    assert not moments.then, "the moment to interfere never came"
    assert moments.amidst is None, "the moment to interfere never came"
