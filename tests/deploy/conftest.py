"""A build for this machine, and MiniStacks to deploy it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.deploy.artefacts import Build, read_build
from infra.stage import Stage as Settings
from infra.stage import read_stage
from tests.bundle.build import built_stage, shared_directory
from tests.support import ministack
from tests.support.ministack import ROOT, MiniStack, MiniStackStage


@pytest.fixture(scope="session")
def settings() -> Settings:
    return read_stage(ROOT, "dev")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Build:
    return read_build(built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle"), settings)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory, build: Build) -> Iterator[MiniStackStage]:
    """A stage that was deployed from nothing. Tests may change it, and deploy it as it was again."""
    running = ministack.start(tmp_path_factory.mktemp("standing"), build)
    yield running
    running.stop()


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """An account in which there is nothing."""
    with ministack.start_ministack(tmp_path_factory.mktemp("empty")) as started:
        yield started


@pytest.fixture
def changed(build: Build) -> Callable[[], Build]:
    """Makes copies of the build, whose templates a test may change."""
    return lambda: Build(build.bundle, ministack.copied(build.template))
