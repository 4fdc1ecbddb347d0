"""The most that one participant can cost in an hour within the limits, at list prices.

`python -m tools.costs.one_participant` prints the table of docs/costs.md.
"""

from __future__ import annotations

import sys

from chalicelib.core.kernel.limits import Limits
from tools.costs.model import read_prices, read_usage

HOUR = 3600


def hourly(recipients: int, limits: Limits | None = None) -> dict[str, float]:
    """Return USD an hour by limit, if each message has so many recipients."""
    limits, prices = limits or Limits(), read_prices().prices

    def usd(operation: str, times: float, pushes: int = 0) -> float:
        quantities = next(item for item in read_usage().operations if item.name == operation).quantities()
        quantities["websocket_message"] += pushes
        return times * sum(prices[name].cost(quantity) for name, quantity in quantities.items())

    return {
        "budget of requests": HOUR * limits.budget_per_second / 1e6,
        "frames, each with an answer": usd("ping", HOUR * limits.frames_per_second),
        f"messages to {recipients} connections": usd("message", HOUR * limits.messages_per_second, recipients),
        f"changes pushed to {recipients} connections": usd("message", 60 * limits.changes_per_minute, recipients),
    }


def table() -> str:
    """Return the table in Markdown."""
    few, many = hourly(10), hourly(Limits().participants * Limits().connections)
    rows = {name: usd for found in (few, many) for name, usd in found.items()}
    lines = ["| within the limits, one participant, an hour | USD |", "|---|---:|"]
    lines += [f"| {name} | {usd:,.2f} |" for name, usd in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
