"""`python -m bench.soak`: run for 30 minutes, or as long as `--minutes` says, and report."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp

from bench.checkout import running_chat
from bench.stats import table
from local.settings import ROOT

from .plan import Plan
from .report import Report
from .run import Soak

SHORT = Plan(
    seconds=6.0,
    conversations=6,
    members=3,
    messages_per_second=10.0,
    rotation_interval=0.5,
    join_interval=1.5,
    stall_interval=2.0,
    stall_commands=100,
    storm_interval=3.0,
    sample_interval=1.0,
    settle_seconds=0.0,
)
FLAT_AFTER = 300.0
"""Seconds after which the memory must not grow any more."""
MAX_GROWTH = 1.10
MAX_THREADS_MORE = 4


def soak(plan: Plan, root: Path = ROOT) -> Report:
    """Run a plan against a new instance with a data directory."""

    async def run(directory: str) -> Report:
        timeout = aiohttp.ClientTimeout(total=60)
        connector = aiohttp.TCPConnector(limit=0)
        with running_chat(root, "--data", directory) as chat:
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
                return await Soak(chat, plan, session).run()

    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(run(directory))


def growth(report: Report) -> float | None:
    """Return the memory at the end as a share of that when it must be flat; None in a shorter run."""
    flat = [sample.memory for sample in report.samples if sample.second >= FLAT_AFTER]
    if len(flat) < 12:
        return None
    third = len(flat) // 3
    return (sum(flat[-third:]) / third) / (sum(flat[:third]) / third)


def problems(report: Report) -> list[str]:
    """Return the violated conditions."""
    found = list(report.failures)
    if report.verdict.total or not report.acked:
        found.append(f"violations: {report.verdict}")
    share = growth(report)
    if share is not None and share > MAX_GROWTH:
        found.append(f"the memory grew to {share:.0%} after {FLAT_AFTER:.0f} s")
    first, last = report.samples[0].threads, report.samples[-1].threads
    if last > first + MAX_THREADS_MORE:
        found.append(f"{last} threads at the end instead of {first}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print the report; return 0, or 1 if a condition is violated."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=Plan().seconds / 60)
    parser.add_argument("--short", action="store_true", help="a few seconds, as a test")
    options = parser.parse_args(arguments)
    plan = SHORT if options.short else replace(Plan(), seconds=60 * options.minutes)
    report = soak(plan)
    rows = [
        (f"{sample.second:.0f}", f"{sample.memory / 2**20:.0f}", str(sample.threads)) for sample in report.samples
    ]
    print(table(("s", "MB", "threads"), rows[:: max(len(rows) // 20, 1)]))
    storms = ", ".join(f"{seconds:.1f}" for seconds in report.storms)
    print(
        f"\n{report.acked} commands acknowledged, {report.retries} retries, {report.connects} connections,"
        f" {report.late} messages not sent in time; all participants were back after {storms} s\n{report.verdict}"
    )
    found = problems(report)
    print("\n".join(found) or "nothing was lost, doubled or reordered")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
