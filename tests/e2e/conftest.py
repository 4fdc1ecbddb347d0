"""The chat that the end-to-end tests talk to, and the people who do."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.stages import named_stage, stop_and_look_at_the_log
from tests.support.client import Http, Person, Stage
from tests.support.server import UNHURRIED, Server, start_server

People = Callable[..., list[Person]]

_KEPT = pytest.StashKey[Server]()
_HURRIED = {
    **UNHURRIED,
    "CHAT_TIME_TICKET_LIFETIME": "1",
    "CHAT_TIME_EXPIRED_TOKEN_GRACE": "1",
    "CHAT_TIME_TYPING_EVERY": "0.2",
    "CHAT_LIMIT_BURST": "5",
}


@contextlib.contextmanager
def anybody(stage: Stage, http: Http) -> Iterator[People]:
    """A maker of people, whose sockets are closed at the end; nobody ever had their ids."""
    known: list[Person] = []

    def make(*names: str) -> list[Person]:
        made = [Person(stage, http, f"{name}-{uuid.uuid4().hex[:12]}", name.title()) for name in names]
        known.extend(made)
        return made

    try:
        yield make
    finally:
        for person in known:
            person.disconnects()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Server]:
    """A server of our own. Skips the test where the environment names a stage: nothing is started then."""
    if named_stage(os.environ) is not None:
        pytest.skip("needs a server of its own, and the environment names a stage")
    log = tmp_path_factory.mktemp("server") / "server.log"
    keep = bool(os.environ.get("CHAT_E2E_KEEP")) and "PYTEST_XDIST_WORKER" not in os.environ
    started = start_server(log, UNHURRIED, outlives_us=keep)
    yield started
    if keep:
        pytestconfig.stash[_KEPT] = started
    else:
        stop_and_look_at_the_log(started)


@pytest.fixture(scope="session")
def stage(request: pytest.FixtureRequest) -> Stage:
    """Where the chat is."""
    found = named_stage(os.environ)
    if found is None:
        server: Server = request.getfixturevalue("server")
        found = server.stage
    return found


@pytest.fixture(scope="session")
def http(stage: Stage) -> Iterator[Http]:
    """HTTP to it, without any token."""
    client = Http(stage.http_url)
    yield client
    client.close()


@pytest.fixture
def people(stage: Stage, http: Http) -> Iterator[People]:
    """Makes people by their names, under ids that nobody ever had; closes their sockets at the end."""
    with anybody(stage, http) as make:
        yield make


@pytest.fixture(scope="session")
def hurried_server(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server on the same store, with times and rates so small that a test can wait for their end."""
    log = tmp_path_factory.mktemp("hurried") / "server.log"
    started = start_server(log, _HURRIED, store_url=server.ready["store_url"])
    yield started
    stop_and_look_at_the_log(started)


@pytest.fixture
def hurried_people(hurried_server: Server) -> Iterator[People]:
    """People at the hurried server."""
    http = Http(hurried_server.stage.http_url)
    with anybody(hurried_server.stage, http) as make:
        yield make
    http.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the server is that was left up."""
    kept = config.stash.get(_KEPT, None)
    if kept is not None:
        terminalreporter.write_sep("=", "the server is still up")
        for line in (
            f"HTTP       {kept.ready['http_url']}",
            f"WebSocket  {kept.ready['ws_url']}",
            f"log        {kept.log}",
            f"to end it  kill {kept.process.pid}",
        ):
            terminalreporter.write_line(line)
