"""The monthly costs of events: without, without an endpoint, and with endpoints.

`python -m tools.costs.events` prints the tables of docs/webhooks.md and docs/costs.md. `events.json` has the
quantities; a test counts the units of DynamoDB.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tools.costs.model import (
    GB,
    Operation,
    Price,
    Quantities,
    Usage,
    monthly_quantities,
    read_prices,
    read_usage,
)

_DATA = Path(__file__).with_name("events.json")
USERS = (0, 1_000, 100_000)
_PARTS: Mapping[str, Sequence[str]] = {
    "DynamoDB write units": ("dynamodb_write",),
    "DynamoDB read units": ("dynamodb_read",),
    "SQS requests": ("sqs_request",),
    "Lambda GB-seconds": ("lambda_gb_second",),
    "Lambda invocations": ("lambda_request",),
    "logs written, and transfer out, bytes": ("logs_ingested", "transfer_out"),
}


class EventUsage(BaseModel):
    """The assumed quantities of published events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    appending: list[str]
    """The operations of the usage that append one event."""
    per_stage: dict[str, float]
    """Quantities per month of a stage with events."""
    wake_up: Operation
    """For each event."""
    delivery: Operation
    """For each event and endpoint."""
    entry: Price
    """Of an event bus."""


def read_event_usage() -> EventUsage:
    """Read the project's assumptions."""
    return EventUsage.model_validate_json(_DATA.read_text(encoding="utf-8"))


def delivery_quantities(events: EventUsage) -> Quantities:
    """Return the billed quantities of one delivery, with its wake-up."""
    return _sum({}, (events.wake_up, 1), (events.delivery, 1))


def monthly(users: int, endpoints: int, *, buses: int = 0) -> float:
    """Return USD per month at list prices, with events and so many endpoints, of which so many are event buses."""
    usage, events = read_usage(), read_event_usage()
    count = _events_per_month(users, usage, events)
    quantities = monthly_quantities(users, usage)
    quantities = _sum(quantities, (events.wake_up, count), (events.delivery, count * endpoints))
    fixed = sum(read_prices().prices[name].cost(quantity) for name, quantity in events.per_stage.items())
    return _usd(quantities) + fixed + events.entry.cost(count * buses)


def without_events(users: int) -> float:
    """Return USD per month at list prices."""
    return _usd(monthly_quantities(users, read_usage()))


def delivery_table() -> str:
    """Return the costs of a million deliveries in Markdown."""
    events, prices = read_event_usage(), read_prices().prices
    quantities, lines = delivery_quantities(events), []
    for label, names in _PARTS.items():
        usd = sum(prices[name].cost(quantities[name]) for name in names) * 1e6
        amount = sum(quantities[name] for name in names) * (GB if "bytes" in label else 1)
        lines.append(f"| {label} | {amount:,.4g} | {usd:.2f} |")
    total = _usd(quantities) * 1e6
    head = ["| part of a delivery | quantity | USD per million |", "|---|---:|---:|"]
    end = [
        f"| **a webhook** |  | **{total:.2f}** |",
        f"| EventBridge entries | 1 | {events.entry.cost(1e6):.2f} |",
    ]
    return "\n".join([*head, *lines, *end]) + "\n"


def monthly_table() -> str:
    """Return the monthly costs with and without endpoints in Markdown."""
    rows = {
        "no events": [without_events(users) for users in USERS],
        "events, no endpoint": [monthly(users, 0) for users in USERS],
        "one webhook": [monthly(users, 1) for users in USERS],
        "three webhooks": [monthly(users, 3) for users in USERS],
        "one event bus": [monthly(users, 1, buses=1) for users in USERS],
    }
    header = " | ".join(f"{users:,} users" for users in USERS)
    lines = [f"| USD per month, list price | {header} |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {' | '.join(f'{usd:,.2f}' for usd in found)} |" for name, found in rows.items()]
    return "\n".join(lines) + "\n"


def _events_per_month(users: int, usage: Usage, events: EventUsage) -> float:
    daily = sum(item.per_user_and_day for item in usage.operations if item.name in events.appending)
    return users * daily * usage.days_per_month


def _sum(quantities: Quantities, *operations: tuple[Operation, float]) -> Quantities:
    """Return the quantities with those of operations, each with its number."""
    total = defaultdict(float, quantities)
    for operation, count in operations:
        for name, quantity in operation.quantities().items():
            total[name] += quantity * count
    return total


def _usd(quantities: Mapping[str, float]) -> float:
    return sum(price.cost(quantities.get(name, 0)) for name, price in read_prices().prices.items())


if __name__ == "__main__":
    sys.stdout.write(f"{delivery_table()}\n{monthly_table()}")
