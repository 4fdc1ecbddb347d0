"""The order of a whole run."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: at the end it would keep one process busy while the others have nothing left.

    Each test stays beside its neighbours otherwise, as those share servers and stores.
    """
    items.sort(key=lambda item: item.get_closest_marker("laws") is None)
