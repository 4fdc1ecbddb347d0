"""The chat that the end-to-end tests talk to, and the people who do."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.artefacts import read_build
from infra.stage import read_stage
from local.settings import ROOT
from tests.bundle.build import built_stage, shared_directory
from tests.e2e.kinds import BUNDLE, MINISTACK, NAMED, Servers, kinds, records
from tests.e2e.permissions import Records, complaint
from tests.e2e.stages import named_stage
from tests.e2e.unkept import unkept
from tests.support import ministack
from tests.support.client import Http, Person, Stage
from tests.support.server import Server

People = Callable[..., list[Person]]

TABLES = {"test_bad_commands", "test_bad_requests", "test_matrix"}
ONE_ROW_OF = 10

_KEPT = pytest.StashKey[Server]()


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


@pytest.fixture(scope="session", params=kinds(os.environ))
def chat_kind(request: pytest.FixtureRequest) -> str:
    """The kind of chat that a test talks to: each test that talks to one runs once for each kind."""
    return str(request.param)


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Servers]:
    """The servers of all kinds; they stay up while tests of several kinds take turns."""
    shared = shared_directory(tmp_path_factory.getbasetemp())
    started = Servers(shared, tmp_path_factory.mktemp)
    yield started
    kept = started.kept()
    if kept is not None:
        pytestconfig.stash[_KEPT] = kept
    used = started.kinds()
    started.stop()
    if BUNDLE in used:  # in one process: see tests/support/scheduling.py
        look_at_the_permissions(request.session, records(shared))


def look_at_the_permissions(session: pytest.Session, run: Records) -> None:
    """Raises AssertionError if a whole run used less than is allowed."""
    modules = {each.path for each in session.items}
    is_picked = session.config.getoption("keyword", "") or session.config.getoption("lf", False)
    is_whole = {*Path(__file__).parent.glob("test_*.py")} <= modules and not is_picked
    if is_whole:
        problem = complaint(run.never_used())
        assert problem is None, problem


@pytest.fixture(scope="session")
def server(chat_kind: str, servers: Servers) -> Server:
    """A server of our own. Skips the test where the environment names a stage: nothing is started then."""
    if chat_kind == NAMED:
        pytest.skip("needs a server of its own, and the environment names a stage")
    if chat_kind == MINISTACK:
        pytest.skip("needs a server of its own, and MiniStack is none")
    return servers.ordinary(chat_kind)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ministack.Running]:
    """The stage on a MiniStack, deployed as it would be to AWS; it stays up while other kinds take their turns."""
    built = built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")
    running = ministack.start(tmp_path_factory.mktemp("ministack"), read_build(built, read_stage(ROOT, "dev")))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def stage(chat_kind: str, request: pytest.FixtureRequest) -> Stage:
    """Where the chat is."""
    found = named_stage(os.environ)
    if found is None and chat_kind == MINISTACK:
        running: ministack.Running = request.getfixturevalue("deployed")
        found = running.stage
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
def hurried_server(chat_kind: str, server: Server, servers: Servers) -> Server:
    """A second server on the same store, with times and rates so small that a test can wait for their end."""
    del server  # it has the store, and without one of our own there is no second either
    return servers.hurried(chat_kind)


@pytest.fixture
def hurried_people(hurried_server: Server) -> Iterator[People]:
    """People at the hurried server."""
    http = Http(hurried_server.stage.http_url)
    with anybody(hurried_server.stage, http) as make:
        yield make
    http.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thin out tables on MiniStack; expect there what holds there."""
    if not os.environ.get("CHAT_E2E_WHOLE"):
        left_out = thinned(items)
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))
    for item in items:
        if kind_of(item) != MINISTACK:
            continue
        known = unkept(item.nodeid)
        if known is not None:
            item.add_marker(pytest.mark.xfail(reason=known.because, run=known.runs, strict=True))


def kind_of(item: pytest.Item) -> str | None:
    """The kind of chat that a test talks to; None for one that talks to none."""
    callspec: Any = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("chat_kind")


def thinned(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Those rows of tables that are left out on MiniStack, which takes its time: nine of ten.

    The tables are of what clients may send. All rows are for the app in development and as it is packaged, which
    is what is deployed there.
    """
    seen: Counter[str] = Counter()
    left_out = set()
    for item in items:
        if kind_of(item) == MINISTACK and item.path.stem in TABLES:
            function = item.nodeid.partition("[")[0]
            if seen[function] % ONE_ROW_OF:
                left_out.add(item)
            seen[function] += 1
    return left_out


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
