"""The order of a whole run, groups of tests, imports and garbage collection, and a fixture of several folders."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.support.importing import import_modules, share_of
from tests.support.scheduling import Scheduling, turn_of

if TYPE_CHECKING:
    from tests.support.ministack import MiniStackStage

settings.register_profile("patient", settings(), deadline=None)  # a busy machine is not a failure
settings.load_profile("patient")
gc.disable()  # until the tests are collected: nothing of all that is imported for them is garbage


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Share the first imports, and exempt the modules and the tests from garbage collection.

    A garbage collection would visit a million objects. The exemption saves a quarter of the CPU time of collecting
    the tests, and a fifth of that of many tests.
    """
    modules = [path for folder in session.config.args for path in sorted(Path(folder).rglob("test_*.py"))]
    try:
        import_modules(share_of(modules, os.environ), session.config.rootpath)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: at the end it would keep one process busy while the others have nothing left.

    Each test stays beside its neighbours otherwise, as those share servers and stores.
    """
    items.sort(key=lambda item: turn_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Keep together what shares a server."""
    config.option.loadscopereorder = False  # it counts tests, and few can take longer than many
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def ministack_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStackStage]:
    """Return the stage `dev`, deployed to MiniStack as it would be to AWS.

    The tests that use it run in one process; a test that changes the stage deploys the build again afterwards.
    """
    # Most tests need none of these imports, which take long.
    from infra.deploy.artefacts import read_build
    from infra.stage import read_stage
    from local.settings import ROOT
    from tests.bundle.build import built_stage, shared_directory
    from tests.support import ministack

    built = built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")
    running = ministack.start(tmp_path_factory.mktemp("ministack"), read_build(built, read_stage(ROOT, "dev")))
    yield running
    running.stop()
