"""The application for unit tests of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.app_harness import AppHarness


@pytest.fixture
def harness() -> Iterator[AppHarness]:
    """Return a new application; its gather must have run the action of the test."""
    created = AppHarness()
    yield created
    assert not created.gather.is_pending, "the action of the test never ran"
