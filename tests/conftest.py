"""The order of a whole run, and what of it stays together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scheduling import ON_MINISTACK, PACKAGED, Scheduling, unit_of

LONGEST = (
    PACKAGED,
    ON_MINISTACK,
    "tests/deploy/test_commands_whole.py",
    "tests/deploy/test_ministack.py",
)
"""The groups that take longest."""


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
