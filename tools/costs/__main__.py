"""Command line: `python -m tools.costs [--users 5000]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tools.costs.model import read_prices, read_usage
from tools.costs.report import report

DEFAULT_USERS = (0, 1_000, 100_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the estimate."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.costs",
        description="Estimate a stage's monthly costs on AWS from tools/costs/usage.json and prices.json.",
    )
    parser.add_argument(
        "--users",
        type=_users,
        action="append",
        metavar="N",
        help="daily users; may be repeated (default: 0, 1000 and 100000)",
    )
    options = parser.parse_args(arguments)
    sys.stdout.write(report(options.users or DEFAULT_USERS, read_usage(), read_prices()))


def _users(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
