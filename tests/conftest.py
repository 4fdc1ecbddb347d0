"""The order of a whole run, its groups of tests, and the fixture that several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.scheduling import (
    IN_DEVELOPMENT,
    ON_MINISTACK,
    PACKAGED,
    RANDOM_HISTORIES,
    Scheduling,
    unit_of,
)

if TYPE_CHECKING:
    from tests.support.ministack import MiniStackStage

LONGEST = (
    PACKAGED,
    ON_MINISTACK,
    IN_DEVELOPMENT,
    RANDOM_HISTORIES,
    "tests/deploy/test_commands_whole.py",
)
"""The groups that take longest. They wait for servers, so tests of the laws run beside them on the same cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: at the end it would keep one process busy while the others have nothing left.

    Each test stays beside its neighbours otherwise, as those share servers and stores.
    """
    items.sort(key=_turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Keep together what shares a server."""
    config.option.loadscopereorder = False  # it counts tests, and few can take longer than many
    return Scheduling(config, log)


def _turn(item: pytest.Item) -> int:
    unit = unit_of(item.nodeid)
    if unit in LONGEST:
        return LONGEST.index(unit)
    return len(LONGEST) + (item.get_closest_marker("laws") is None)


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
