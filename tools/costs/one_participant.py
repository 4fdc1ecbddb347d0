"""The most that one participant can cost in an hour within the limits, at list prices.

`python -m tools.costs.one_participant` prints the table of docs/costs.md.
"""

from __future__ import annotations

import sys

from chalicelib.core.conversations.prices import CHANGES, PRICES
from chalicelib.core.kernel.limits import Limits
from tools.costs.model import read_prices, read_usage

HOUR = 3600


def hourly(recipients: int, limits: Limits | None = None) -> dict[str, float]:
    """Return USD an hour by limit, if each message has so many recipients.

    Messages and changes are as expensive as they can be: edits of the largest size, and blocks. The deletion of a
    message costs more, but only if it was edited often before, which is charged.
    """
    limits, prices = limits or Limits(), read_prices().prices

    def usd(operation: str, times: float, pushes: int = 0, store: int | None = None) -> float:
        """Return the cost of so many operations; `store` is that of the store, in millionths of a dollar."""
        quantities = next(item for item in read_usage().operations if item.name == operation).quantities()
        quantities["websocket_message"] += pushes
        quantities["transfer_out"] += pushes * limits.content_bytes / 1e9
        if store is not None:
            quantities |= {"dynamodb_write": 0, "dynamodb_read": 0}
        each = sum(prices[name].cost(quantity) for name, quantity in quantities.items())
        return times * (each + (store or 0) / 1e6)

    messages, changes = PRICES["edit"], max(PRICES[change] for change in CHANGES)

    return {
        "budget of requests": HOUR * limits.budget_per_second / 1e6,
        "frames, each with an answer": usd("ping", HOUR * limits.frames_per_second),
        f"messages to {recipients} connections": usd(
            "message", HOUR * limits.messages_per_second, recipients, messages
        ),
        f"changes pushed to {recipients} connections": usd(
            "message", 60 * limits.changes_per_minute, recipients, changes
        ),
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
