"""Command line: `python -m tools.quotas [--online 10000 --messages 100 --recipients 10]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from infra.stage import InfraSettings
from tools.costs.model import read_usage
from tools.quotas.model import RECIPIENTS, Load, Quota, quotas

DEFAULT_LOADS = (Load(1_000, 5), Load(10_000, 50), Load(100_000, 500))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the quotas by use."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.quotas",
        description="Show which AWS quotas a load reaches first, from the operations of tools/costs/usage.json.",
    )
    parser.add_argument("--online", type=_number, help="people with an open connection")
    parser.add_argument("--messages", type=_number, default=0, help="messages per second, of all people")
    parser.add_argument(
        "--recipients", type=_number, default=RECIPIENTS, help="connections that receive a message"
    )
    parser.add_argument("--jobs", type=_number, default=3, help="the setting job_concurrency")
    options = parser.parse_args(arguments)
    loads: Sequence[Load] = DEFAULT_LOADS
    if options.online is not None:
        loads = (Load(options.online, options.messages, options.recipients),)
    sys.stdout.write(report(loads, InfraSettings(job_concurrency=options.jobs)))


def report(loads: Sequence[Load], settings: InfraSettings) -> str:
    """Return a Markdown table with a column for each load, the most used quota of the largest load first."""
    tables = [{quota.name: quota for quota in quotas(load, read_usage(), settings)} for load in loads]
    header = ["quota", "limit", *map(_label, loads), "raise it by"]
    rows = [
        [name, f"{quota.limit:,.0f}", *(_use(table[name]) for table in tables), quota.remedy]
        for name, quota in tables[-1].items()
    ]
    rule = ["---", "---:", *(["---:"] * len(loads)), "---"]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows)) + "\n"


def _label(load: Load) -> str:
    return f"{load.online:,} online, {load.messages:g} messages/s, {load.recipients} recipients"


def _use(quota: Quota) -> str:
    number = f"{quota.used:,.0f}" if quota.used >= 10 else f"{quota.used:.1f}"
    text = f"{number} ({quota.share:.0%})"
    return f"**{text}**" if quota.share > 1 else text


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
