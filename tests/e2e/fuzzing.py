"""The extent of the fuzz tests: small by default (see also `selection.py`), large with `make fuzz`.

| variable              | meaning                                                    |
|-----------------------|------------------------------------------------------------|
| `CHAT_FUZZ_EXAMPLES`  | examples for each operation or command; 4 by default       |
| `CHAT_FUZZ_SECONDS`   | seconds after which each test stops; 60 by default         |
| `CHAT_FUZZ_SEED`      | seed of the examples; 1 by default                         |
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

from tests.e2e.selection import sample

EXAMPLES = int(os.environ.get("CHAT_FUZZ_EXAMPLES", "4"))
SECONDS = float(os.environ.get("CHAT_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("CHAT_FUZZ_SEED", "1"))


CHAINS = 12
"""Chains in one round."""


def bounded(target: str, *, times: int = 1) -> settings:
    """Return settings for `times` the usual number of examples, the same ones for the same seed."""
    return _settings(len(sample(target, 0, range(EXAMPLES * times))))


def chained(target: str, steps: int) -> settings:
    """Return settings for a few chains of this many requests each."""
    return _settings(len(sample(target, 0, range(CHAINS))), stateful_step_count=steps)


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        # No shrinking: the server is stateful, so the next attempt would find another state.
        phases=[Phase.generate],
        print_blob=False,
        **more,
    )


def seeded(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test with the examples of the seed."""
    return seed(SEED)(test)


class Until:
    """The deadline of a test, after which no further example is tried."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() > self._end
