"""`python -m bench [append|fan-out|chat]`: without a word, all of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from local.errors import LocalError

from . import append, chat, fan_out
from .people import ClientFailed
from .server import ServerFailed


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0, or 1 if something was lost, doubled or reordered, or could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Throughput and latency. No traffic leaves this machine."
    )
    parser.add_argument("what", nargs="?", choices=("append", "fan-out", "chat", "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, to see that it works")
    options = parser.parse_args(arguments)
    begun, is_well = time.monotonic(), True
    try:
        if options.what in ("append", "all"):
            print("## Appending to one conversation\n")
            is_well &= append.report(QUICK_APPEND if options.quick else append.Scale(), _show)
        if options.what in ("fan-out", "all"):
            print("\n## Posting to many sockets\n")
            is_well &= fan_out.report(QUICK_FAN_OUT if options.quick else fan_out.Scale(), _show)
        if options.what in ("chat", "all"):
            print("\n## The whole chat on this machine\n")
            is_well &= chat.report(QUICK_CHAT if options.quick else chat.Scale(), _show, _progress)
    except (LocalError, ServerFailed, ClientFailed) as error:
        print(error, file=sys.stderr)
        return 1
    verdict = "nothing was lost, doubled or reordered" if is_well else "SOMETHING WAS LOST, DOUBLED OR REORDERED"
    print(f"\n{verdict}; {time.monotonic() - begun:.0f} s")
    return 0 if is_well else 1


QUICK_APPEND = append.Scale(
    people=(1, 10),
    seconds=1.0,
    messages=100,
    rates=(20,),
    schedule_seconds=1.0,
    real_seconds=0.5,
    real_least=0.0,
    deaths=1,
)
QUICK_FAN_OUT = fan_out.Scale(
    warm=20, rounds=3, rounds_of_boto3=1, sizes=(20,), rounds_of_walls=1, new=4, rounds_of_new=1, growth=(10, 50)
)
QUICK_CHAT = chat.Scale(people=(2, 5), seconds=1.0, at_most=40)


def _show(text: str) -> None:
    print(text, flush=True)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
