"""Each `Gather` that makes one call after the other, for tests that want a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def run_sequential(*calls: Callable[[], Any]) -> list[Any]:
    """Return the results of the calls, made in their order; the first error ends it."""
    return [call() for call in calls]


def run_backwards(*calls: Callable[[], Any]) -> list[Any]:
    """Return the results of the calls, of which the last one is made first."""
    return [call() for call in reversed(calls)][::-1]
