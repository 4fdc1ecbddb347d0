"""Seeded schedules: a seed always gives the same steps, and the same run of a client."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.conformance.lines import ClientProcess
from tests.conformance.steps import STEPS, WEIGHTS, settle
from tests.conformance.world import World

LENGTH = 150
NAMES = [name for name in sorted(STEPS) for _ in range(WEIGHTS.get(name, 2))]
WINDOWS = (None, None, 40)


class ScheduleFailed(AssertionError):
    """A client broke its promise; the message has the seed and the last steps."""


@contextlib.contextmanager
def reported(processes: Sequence[ClientProcess], schedule: str, done: Sequence[str]) -> Iterator[None]:
    """Raise ScheduleFailed with the last steps, and end the processes, if a client breaks its promise."""
    try:
        yield
    except (AssertionError, KeyError, IndexError) as error:
        for process in processes:
            process.kill()
        raise ScheduleFailed(f"{schedule}: {repr(error)[:1_000]}\nafter: {', '.join(done[-25:])}") from error


def run(processes: Sequence[ClientProcess], seed: int) -> Counter[str]:
    """Run one schedule; return how often each fault has happened. Raises ScheduleFailed."""
    choices = random.Random(seed)
    done: list[str] = ["start"]
    with reported(processes, f"seed {seed} with {len(processes)} tabs", done):
        capabilities = processes[0].start()["capabilities"]
        window = WINDOWS[seed % len(WINDOWS)] if "window" in capabilities else None
        world = World(processes, seed, window, is_resuming=seed % 4 == 3 and "resume" in capabilities)
        world.gateway.refusals.begin(seed)
        for _ in range(LENGTH):
            name, index = choices.choice(NAMES), choices.randrange(12)
            done.append(f"{name} {index}")
            STEPS[name](world, index)
        done.append("settle")
        settle(world)
        for tab in world.tabs:
            tab.give({"type": "stop"})
        return world.happened
