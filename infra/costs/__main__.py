"""The command line: `python -m infra.costs --users 5000`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.errors import InfraError

from . import report
from .facts import read_facts
from .prices import read_prices
from .profile import read_profile

ROOT = Path(__file__).resolve().parents[2]
USERS = (0, 1_000, 100_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.costs", description="What a stage costs a month.")
    parser.add_argument("--users", type=_users, action="append", help="how many a day (0, 1000 and 100000)")
    parser.add_argument("--profile", type=Path, help="JSON with what is to differ from infra/costs/profile.json")
    parser.add_argument("--stage", default="prod", help="a stage of .chalice/config.json (prod)")
    parser.add_argument("--markdown", action="store_true", help="as the tables stand in docs/costs.md")
    options = parser.parse_args(arguments)
    try:
        profile, facts = read_profile(options.profile), read_facts(ROOT, options.stage)
    except InfraError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    tables = report.tables(options.users or USERS, profile, facts, read_prices())
    sys.stdout.write(report.markdown(tables) if options.markdown else report.plain(tables))
    return 0


def _users(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
