"""The health check reads the tables at most once in some seconds, whatever its result."""

from __future__ import annotations

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.edge import health
from tests.support.app_harness import AppHarness


class Probes:
    """A connection store that counts its reads, and fails if it is to."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails = False

    def get(self, connection_id: str) -> None:
        self.reads += 1
        if self.fails:
            raise Unavailable


def test_result_is_repeated_for_some_seconds() -> None:
    harness, probes = AppHarness(), Probes()
    stores = harness.chat.stores._replace(connections=probes)  # type: ignore[arg-type]
    chat = harness.chat._replace(stores=stores)
    for _ in range(3):
        assert health.check(chat)[0] == 200
    probes.fails = True
    harness.clock.advance(health.CACHE_SECONDS - 0.1)
    assert health.check(chat)[0] == 200
    assert probes.reads == 1
    harness.clock.advance(0.1)
    for _ in range(3):
        assert health.check(chat)[0] == 503
    assert probes.reads == 2


def test_result_of_before_a_freeze_is_not_repeated() -> None:
    harness, probes = AppHarness(), Probes()
    stores = harness.chat.stores._replace(connections=probes)  # type: ignore[arg-type]
    chat = harness.chat._replace(stores=stores)
    assert health.check(chat)[0] == 200
    probes.fails = True
    harness.clock.freeze(health.CACHE_SECONDS)
    assert health.check(chat)[0] == 503
    harness.clock.set(harness.clock.now() - 3600)
    probes.fails = False
    assert health.check(chat)[0] == 200, "the clock was set back"


def test_result_is_that_of_the_application() -> None:
    healthy, failing = AppHarness(), AppHarness()
    probes = Probes()
    probes.fails = True
    stores = failing.chat.stores._replace(connections=probes)  # type: ignore[arg-type]
    assert health.check(healthy.chat)[0] == 200
    assert health.check(failing.chat._replace(stores=stores))[0] == 503
