"""Fixtures of the end-to-end tests: servers, endpoints and clients."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bundle.build import shared_directory
from tests.e2e.endpoints import remote_endpoint
from tests.e2e.iam_permissions import PermissionRecords, problems
from tests.e2e.ministack_gaps import gap_for
from tests.e2e.selection import left_out, target_of
from tests.e2e.targets import BUNDLE, MINISTACK, REMOTE, Servers, records, selected_targets
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.ministack import MiniStackStage
from tests.support.server import ServerProcess
from tests.support.users import MakeUsers, user_factory

MakeClients = Callable[..., list[TestClient]]

_KEPT = pytest.StashKey[ServerProcess]()


@contextlib.contextmanager
def client_factory(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[MakeClients]:
    """Yield a function that makes clients with new ids. Their sockets are closed at the end."""
    known: list[TestClient] = []

    def make(*names: str) -> list[TestClient]:
        made = [TestClient(endpoint, http, f"{name}-{uuid.uuid4().hex[:12]}", name.title()) for name in names]
        known.extend(made)
        return made

    try:
        yield make
    finally:
        for person in known:
            person.disconnect()


@pytest.fixture(scope="session", params=selected_targets(os.environ))
def chat_target(request: pytest.FixtureRequest) -> str:
    """Return the target of a test. Each test that needs a chat runs once for each target."""
    return str(request.param)


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Servers]:
    """Return the servers of all targets. They stay up while tests of several targets take turns."""
    shared = shared_directory(tmp_path_factory.getbasetemp())
    started = Servers(shared, tmp_path_factory.mktemp)
    yield started
    kept = started.kept()
    if kept is not None:
        pytestconfig.stash[_KEPT] = kept
    used = started.started_targets()
    started.stop()
    if BUNDLE in used:  # in one process: see tests/support/scheduling.py
        require_used_permissions(request.session, records(shared))


def require_used_permissions(session: pytest.Session, run: PermissionRecords) -> None:
    """Raise AssertionError if a complete run has not used every permission."""
    modules = {item.path for item in session.items}
    is_picked = session.config.getoption("keyword", "") or session.config.getoption("lf", False)
    is_whole = {*Path(__file__).parent.glob("test_*.py")} <= modules and not is_picked
    if is_whole:
        problem = problems(run.never_used())
        assert problem is None, problem


@pytest.fixture(scope="session")
def server(chat_target: str, servers: Servers) -> ServerProcess:
    """Return a server that the tests started. Skips the test for a remote endpoint and on MiniStack."""
    if chat_target == REMOTE:
        pytest.skip("needs a server of its own, and the environment names a stage")
    if chat_target == MINISTACK:
        pytest.skip("needs a server of its own, and MiniStack is none")
    return servers.default(chat_target)


@pytest.fixture(scope="session")
def endpoint(chat_target: str, request: pytest.FixtureRequest) -> ChatEndpoint:
    """Return the endpoint of the chat."""
    found = remote_endpoint(os.environ)
    if found is None and chat_target == MINISTACK:
        running: MiniStackStage = request.getfixturevalue("ministack_stage")
        found = running.endpoint
    if found is None:
        server: ServerProcess = request.getfixturevalue("server")
        found = server.endpoint
    return found


@pytest.fixture(scope="session")
def http(endpoint: ChatEndpoint) -> Iterator[HttpClient]:
    """Return an HTTP client without a token."""
    client = HttpClient(endpoint.http_url)
    yield client
    client.close()


@pytest.fixture
def clients(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[MakeClients]:
    """Return a function that makes clients with new ids. Their sockets are closed at the end."""
    with client_factory(endpoint, http) as make:
        yield make


@pytest.fixture
def users(endpoint: ChatEndpoint) -> Iterator[MakeUsers]:
    """Return a function that makes connected users with new ids, by the Python client. They leave at the end."""
    with user_factory(endpoint) as make:
        yield make


@pytest.fixture(scope="session")
def accelerated_server(chat_target: str, server: ServerProcess, servers: Servers) -> ServerProcess:
    """Return a second server on the same store, with short timeouts and low rate limits."""
    del server  # it provides the store, and skips the test where there is none
    return servers.accelerated(chat_target)


@pytest.fixture
def accelerated_clients(accelerated_server: ServerProcess) -> Iterator[MakeClients]:
    """Return a function that makes clients of the accelerated server."""
    http = HttpClient(accelerated_server.endpoint.http_url)
    with client_factory(accelerated_server.endpoint, http) as make:
        yield make
    http.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out redundant tests, and mark the known gaps of MiniStack."""
    deselected = left_out(items)
    if deselected:
        left = set(deselected)
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=deselected)
    for item in items:
        if target_of(item) != MINISTACK:
            continue
        known = gap_for(item.nodeid)
        if known is not None:
            item.add_marker(pytest.mark.xfail(reason=known.reason, run=known.is_run, strict=True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the address of the server that was left up."""
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
