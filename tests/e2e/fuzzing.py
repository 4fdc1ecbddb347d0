"""How much the generated tests try: a little with all other tests, a lot with `make fuzz`.

| variable              | meaning                                                    |
|-----------------------|------------------------------------------------------------|
| `CHAT_FUZZ_EXAMPLES`  | examples for each operation or command; 6 if it is not set |
| `CHAT_FUZZ_SECONDS`   | how long each of the tests may go on; 60 if it is not set  |
| `CHAT_FUZZ_SEED`      | a number: other examples than the usual ones               |
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

EXAMPLES = int(os.environ.get("CHAT_FUZZ_EXAMPLES", "4"))
SECONDS = float(os.environ.get("CHAT_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("CHAT_FUZZ_SEED", "1"))


CHAINS = 12
"""Chains of one round."""


def bounded(*, times: int = 1) -> settings:
    """Settings for `times` the usual number of examples, the same ones each time under the same seed."""
    return _settings(EXAMPLES * times)


def chained(steps: int) -> settings:
    """Settings for a few chains of so many requests each."""
    return _settings(CHAINS, stateful_step_count=steps)


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        # What fails on a server that remembers is not made smaller: the next try would find another server.
        phases=[Phase.generate],
        print_blob=False,
        **more,
    )


def seeded(test: Callable[..., None]) -> Callable[..., None]:
    """The test with the examples of the seed."""
    return seed(SEED)(test)


class Until:
    """The end of a test's time; what comes after it is not tried."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self._end
