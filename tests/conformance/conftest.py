"""The clients under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.clients import JAVASCRIPT, PYTHON, TABS, command
from tests.conformance.lines import ClientProcess


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the adapters that must be built."""
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module", params=[PYTHON, JAVASCRIPT])
def tabs(request: pytest.FixtureRequest, adapters: Path) -> Iterator[list[ClientProcess]]:
    """Return the processes of a client, one for each tab that it can have."""
    name = request.param
    processes = [ClientProcess(command(name, adapters)) for _ in range(TABS[name])]
    yield processes
    for process in processes:
        process.close()
