"""`python -m bench [BENCHMARK]`; without an argument, all of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from local.errors import LocalError

from . import (
    abuse,
    append,
    chat,
    cold,
    contention,
    fan_out,
    javascript_client,
    local,
    make_run,
    message,
    overload,
    python_client,
    reading,
    web_page,
)
from .chat_clients import ClientFailed
from .server import ServerFailed
from .targets import Targets

QUICK_APPEND = append.Scale(
    senders=(1, 10),
    seconds=1.0,
    messages=100,
    rates=(20,),
    schedule_seconds=1.0,
    real_seconds=0.5,
    min_real_seconds=0.0,
    crashes=1,
)
QUICK_CONTENTION = contention.Scale(senders=10, in_flight=10, messages=100, overload=50.0, seconds=1.0)
QUICK_CHAT = chat.Scale(clients=(2, 5), seconds=1.0, max_messages=40)
QUICK_FAN_OUT = fan_out.Scale(
    warm_connections=20,
    rounds=3,
    boto3_rounds=1,
    sizes=(20,),
    wall_time_rounds=1,
    new_connections=4,
    new_connection_rounds=1,
    growth=(10, 50),
)
QUICK_MESSAGE = message.Scale(recipients=3, rounds=2, growth=(2, 4), growth_rounds=1)
QUICK_COLD = cold.Scale(processes=1)
QUICK_LOCAL = local.Scale(people=(2, 5), runs=1, warm_up_seconds=0.2, seconds=1.0)
QUICK_OVERLOAD = overload.Scale(people=3, seconds=1.0, fill_seconds=0.2, recovery_seconds=0.5, runs=1)
QUICK_ABUSE = abuse.Scale(people=5, interval=0.5, seconds_before=1.0, seconds=3.0, warm_up=0.5)
QUICK_WEB_PAGE = web_page.Scale(messages=240, filling=96, samples=3)
QUICK_READING = reading.Scale(conversations=(10, 60), messages=(100, 1_000))


def _print_result(text: str) -> None:
    print(text, flush=True)


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure_local(options: argparse.Namespace, targets: Targets) -> bool:
    scale = QUICK_LOCAL if options.quick else local.Scale()
    if options.runs is not None:
        scale = replace(scale, runs=options.runs)
    return local.report(scale, _print_result, _print_progress, targets, options.against)


Benchmarks = Mapping[str, tuple[str, Callable[[argparse.Namespace, Targets], bool]]]
BENCHMARKS: Benchmarks = {
    "append": (
        "Appending to one conversation",
        lambda options, targets: append.report(
            QUICK_APPEND if options.quick else append.Scale(), _print_result, targets
        ),
    ),
    "contention": (
        "Contention and the limits of partitions",
        lambda options, targets: contention.report(
            QUICK_CONTENTION if options.quick else contention.Scale(), _print_result, targets
        ),
    ),
    "fan-out": (
        "Posting to many connections",
        lambda options, targets: fan_out.report(
            QUICK_FAN_OUT if options.quick else fan_out.Scale(), _print_result, targets
        ),
    ),
    "message": (
        "A whole message",
        lambda options, targets: message.report(
            QUICK_MESSAGE if options.quick else message.Scale(), _print_result, targets
        ),
    ),
    "cold": (
        "Cold start",
        lambda options, targets: cold.report(
            QUICK_COLD if options.quick else cold.Scale(), _print_result, targets
        ),
    ),
    "reading": (
        "Reading",
        lambda options, targets: reading.report(
            QUICK_READING if options.quick else reading.Scale(), _print_result, targets
        ),
    ),
    "chat": (
        "The whole chat on this machine",
        lambda options, targets: chat.report(
            QUICK_CHAT if options.quick else chat.Scale(), _print_result, _print_progress
        ),
    ),
    "python": ("The Python client", lambda _, targets: python_client.report(_print_result, targets)),
    "javascript": ("The JavaScript client", lambda _, targets: javascript_client.report(_print_result, targets)),
    "web": (
        "The web page in Chromium",
        lambda options, targets: web_page.report(
            QUICK_WEB_PAGE if options.quick else web_page.Scale(), _print_result, targets
        ),
    ),
    "make-run": ("`make run` in a new checkout", lambda _, targets: make_run.report(_print_result, targets)),
    "local": ("The local cloud, all people sending", _measure_local),
    "overload": (
        "The local cloud under ten times its load",
        lambda options, targets: overload.report(
            QUICK_OVERLOAD if options.quick else overload.Scale(), _print_result, _print_progress, targets
        ),
    ),
    "abuse": (
        "A hostile participant",
        lambda options, targets: abuse.report(
            QUICK_ABUSE if options.quick else abuse.Scale(), _print_result, _print_progress, targets
        ),
    ),
}
"""By name: the title, and a function that measures, prints the results and returns whether they are correct."""


def main(arguments: Sequence[str] | None = None, benchmarks: Benchmarks = BENCHMARKS) -> int:
    """Run benchmarks; return 0, or 1 if messages were lost or reordered, a target missed, or one failed.

    With `--quick`, too little is measured for the targets.
    """
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure throughput, latency and cost. No traffic leaves this machine.",
    )
    parser.add_argument("benchmark", nargs="?", choices=(*benchmarks, "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="run a tenth of it, as a test")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="local: measure this checkout too, by turns with this one"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="local: how often (default: 5)")
    options = parser.parse_args(arguments)
    started, is_correct, targets = time.monotonic(), True, Targets()
    try:
        for name, (title, measure) in benchmarks.items():
            if options.benchmark in (name, "all"):
                print(f"\n## {title}\n", flush=True)
                is_correct &= measure(options, targets)
    except (LocalError, ServerFailed, ClientFailed) as error:
        print(error, file=sys.stderr)
        return 1
    is_judged = not options.quick and bool(targets.results or targets.unmeasured)
    if is_judged:
        print(f"\n## Targets\n\n{targets.report()}")
    verdict = (
        "nothing was lost, duplicated or reordered"
        if is_correct
        else "MESSAGES WERE LOST, DUPLICATED OR REORDERED"
    )
    print(f"\n{verdict}; {time.monotonic() - started:.0f} s")
    missed = targets.missed if is_judged else []
    for target in missed:
        print(f"MISSED {target}", file=sys.stderr)
    return 0 if is_correct and not missed else 1


if __name__ == "__main__":
    sys.exit(main())
