"""A build for this machine, and an empty account to deploy it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.deploy.artefacts import Build, read_build
from infra.stage import Stage as Settings
from infra.stage import read_stage
from tests.bundle.build import built_stage, shared_directory
from tests.support import ministack
from tests.support.ministack import ROOT, MiniStack


@pytest.fixture(scope="session")
def settings() -> Settings:
    return read_stage(ROOT, "dev")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Build:
    return read_build(built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle"), settings)


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """A new account, without any resources."""
    with ministack.start_ministack(tmp_path_factory.mktemp("empty")) as started:
        yield started


@pytest.fixture
def changed(build: Build) -> Callable[[], Build]:
    """A factory of copies of the build, whose templates a test may change."""
    return lambda: Build(build.bundle, ministack.copied(build.template))
