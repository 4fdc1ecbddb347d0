"""The engines on which the contract is tested; each lives as long as the tests that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamodb.engine import Engine
from local.dynamodb.sqlite_storage import SqliteStorage
from local.ministack import Store, start_store
from tests.dynamodb.targets import Target, file_engine, in_process, memory_engine, over_http, served, with_boto3
from tests.support.engine import REGION

_MINISTACK = pytest.StashKey[Store]()
ENGINES = ("memory", "file", "boto3", "ministack")


@pytest.fixture(scope="session", params=ENGINES)
def target(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """One engine after the other."""
    if request.param == "ministack":
        yield ministack_target(pytestconfig)
    elif request.param == "file":
        path: Path = tmp_path_factory.mktemp("engine")
        with file_engine(path) as engine:
            yield Target("file", in_process(engine))
    else:
        with memory_engine() as engine:
            if request.param == "memory":
                yield Target("memory", in_process(engine))
            else:
                with served(engine) as url:
                    yield Target("boto3", with_boto3(url))


def ministack_target(config: pytest.Config) -> Target:
    """Return a target on the MiniStack of this test process, which is started at the first call."""
    store = config.stash.get(_MINISTACK, None)
    if store is None:
        store = config.stash[_MINISTACK] = start_store(REGION)
        config.add_cleanup(store.stop)
        store.wait_until_ready()
    return Target("ministack", over_http(store.url))


class Clock:
    """Time that a test sets; a call gives the seconds since the epoch."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[Engine]:
    """An engine in memory, for one test alone."""
    found = Engine(SqliteStorage(), clock)
    yield found
    found.close()


@pytest.fixture
def toys(engine: Engine) -> Target:
    """A table in an engine in memory, for one test alone."""
    return Target("memory", in_process(engine))
