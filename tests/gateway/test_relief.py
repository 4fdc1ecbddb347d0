"""The switch interval of the interpreter while the gateway refuses messages."""

import asyncio
from collections.abc import Callable

from local.gateway.relief import INTERVAL, Relief

SECONDS = 0.01


def intervals_of(steps: Callable[[Relief], None], usual: float = 0.005) -> list[float]:
    """Return the intervals that are set, when `steps` has begun and all timers are over: at most two."""
    set_to: list[float] = []

    async def run() -> None:
        steps(Relief(lambda: set_to[-1] if set_to else usual, set_to.append, seconds=SECONDS))
        for _ in range(5):
            await asyncio.sleep(SECONDS)  # the timers that were set before are over, however slow the machine is

    asyncio.run(run())
    return set_to


def test_interval_is_short_from_the_first_refusal_to_a_while_after_the_last() -> None:
    def refuse(object_: Relief) -> None:
        for _ in range(100):
            object_.refused()

    assert intervals_of(refuse) == [INTERVAL, 0.005]


def test_shorter_interval_of_the_process_is_kept() -> None:
    assert intervals_of(lambda object_: object_.refused(), usual=0.0001) == [0.0001, 0.0001]


def test_end_restores_the_interval_once() -> None:
    def stop(object_: Relief) -> None:
        object_.refused()
        object_.end()
        object_.end()

    assert intervals_of(stop) == [INTERVAL, 0.005]
