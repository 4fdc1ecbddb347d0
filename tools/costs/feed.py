"""The monthly costs of a live list of conversations, with a feed and with subscriptions, at list prices.

`python -m tools.costs.feed` prints the table of docs/costs.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import NamedTuple

from tools.costs.model import read_prices

CONVERSATIONS = 300
DAYS, OPENINGS, MESSAGES = 30, 4, 50
"""A day, and per person: how often the app is opened, and how many messages are sent."""
OPENING = {"dynamodb_write": 10, "dynamodb_read": 436}
"""Connecting with a feed, and the first page of the list, as `test_costs_feed.py` counts them."""
SUBSCRIBING = {"dynamodb_write": 13, "dynamodb_read": 28}
"""One subscription, with its end, and presence."""
ROSTER_ENTRIES, SUBSCRIPTIONS = 12, 12
"""How many fit into a read unit."""
SHARES = (0.05, 0.2, 0.5)
MEMBERS = (20, 100)


class Costs(NamedTuple):
    """USD per person and month."""

    openings: float
    reads: float
    """Of the roster, the directory and the head, or of the subscriptions."""
    posts: float

    @property
    def total(self) -> float:
        """All together."""
        return sum(self)


def with_feed(members: int, online: float) -> Costs:
    """Return the costs with a feed, if this share of the members has the app open."""
    reads = members + math.ceil(members / ROSTER_ENTRIES) + 1
    return _costs(OPENING, 1, reads, members * online)


def with_subscriptions(members: int, online: float) -> Costs:
    """Return the costs with a subscription to each conversation."""
    reads = max(math.ceil(members * online / SUBSCRIPTIONS), 1)
    return _costs(SUBSCRIBING, CONVERSATIONS, reads, members * online)


def _costs(opening: Mapping[str, float], times: int, reads: float, posts: float) -> Costs:
    prices, messages = read_prices().prices, DAYS * MESSAGES
    opened = sum(prices[name].cost(DAYS * OPENINGS * times * quantity) for name, quantity in opening.items())
    return Costs(
        opened,
        prices["dynamodb_read"].cost(messages * reads),
        prices["websocket_message"].cost(messages * posts),
    )


def table() -> str:
    """Return the table in Markdown."""
    lines = [
        "| members, of whom online | openings | reads of messages | posts | **feed** | subscriptions to all |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for members in MEMBERS:
        for online in SHARES:
            feed, all_of_them = with_feed(members, online), with_subscriptions(members, online)
            cells = [f"{usd:.4f}" for usd in feed] + [f"**{feed.total:.3f}**", f"{all_of_them.total:.2f}"]
            lines.append(f"| {members}, {online:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
