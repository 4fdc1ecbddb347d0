"""Seeded schedules: a seed always gives the same steps, and the same run of a client."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.conformance.lines import ClientProcess
from tests.conformance.steps import STEPS, settle
from tests.conformance.world import World

LENGTH = 100
NAMES = sorted(STEPS)
WINDOWS = (None, None, 40)


class ScheduleFailed(AssertionError):
    """A client broke its promise; the message has the seed and the last steps."""


def run(processes: Sequence[ClientProcess], seed: int) -> None:
    """Run one schedule. Raises ScheduleFailed."""
    choices = random.Random(seed)
    done: list[str] = ["start"]
    try:
        capabilities = processes[0].start()["capabilities"]
        window = WINDOWS[seed % len(WINDOWS)] if "window" in capabilities else None
        world = World(processes, seed, window, is_resuming=seed % 4 == 3 and "resume" in capabilities)
        for _ in range(LENGTH):
            name, index = choices.choice(NAMES), choices.randrange(12)
            done.append(f"{name} {index}")
            STEPS[name](world, index)
        done.append("settle")
        settle(world)
        for tab in world.tabs:
            tab.give({"type": "stop"})
    except (AssertionError, KeyError, IndexError) as error:
        for process in processes:
            process.kill()
        last = ", ".join(done[-25:])
        problem = f"seed {seed} with {len(processes)} tabs: {repr(error)[:1_000]}"
        raise ScheduleFailed(f"{problem}\nafter: {last}") from error
