"""Run schedules for any client: `python -m tests.conformance [--first N] [--schedules N] -- COMMAND...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.conformance import lists
from tests.conformance.lines import ClientProcess
from tests.conformance.schedules import ScheduleFailed, run

CAPABILITIES = ("storage", "resume", "window", "tabs", "list")


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a schedule failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--schedules", type=int, default=100, metavar="N", help="how many schedules")
    parser.add_argument("command", nargs="+", help="the command of the client's adapter, after --")
    options = parser.parse_args(arguments)
    processes = [ClientProcess(options.command)]
    hello = processes[0].start()
    left_out = [name for name in CAPABILITIES if name not in hello["capabilities"]]
    print(f"{hello['name']} {hello['version']}", *[f"left out: {', '.join(left_out)}"] * bool(left_out), sep="\n")  # noqa: T201
    if "tabs" in hello["capabilities"]:
        processes.append(ClientProcess(options.command))
    failures = 0
    for seed in range(options.first, options.first + options.schedules):
        try:
            run(processes[: 1 + seed % len(processes)], seed)
            if "list" in hello["capabilities"]:
                lists.run(processes[0], seed)
        except ScheduleFailed as failure:
            failures += 1
            print(failure)  # noqa: T201
    for process in processes:
        process.close()
    print(f"{options.schedules - failures} of {options.schedules} schedules passed")  # noqa: T201
    return min(1, failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
