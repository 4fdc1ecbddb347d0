"""A local chat for the tests of the client, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.python.live.server import LiveServer
from tests.local.instance import Instances


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server that all tests of a module share."""
    with Instances() as instances:
        yield LiveServer(instances)


@pytest.fixture
def own_server() -> Iterator[LiveServer]:
    """A server that a test may kill."""
    with Instances() as instances:
        yield LiveServer(instances, starts=False)
