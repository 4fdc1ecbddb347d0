"""From usage to quantities, and from quantities to USD per month."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat

DIRECTORY = Path(__file__).parent
HOURS_PER_MONTH = 730
GB = 2**30
Quantities = dict[str, float]
"""Billed quantities per month by the name of their price."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Data):
    """The price of one billed unit."""

    label: str
    unit: str
    per: float = Field(default=1, gt=0)
    """The number of units that a tier's price is for."""
    tiers: list[tuple[float | None, float]] = Field(min_length=1)
    """Upper bound in units per month (None: unlimited), and USD for `per` units."""
    always_free: NonNegativeFloat = 0
    """Units per month that are free for the account without time limit."""
    source: str
    as_of: str
    basis: Literal["price page", "secondary", "memory"]
    """AWS's own page, another page that quotes it (secondary), or memory; nothing was read then."""
    note: str = ""

    @property
    def verification(self) -> str:
        """How the price is verified, with a Markdown link to the page that was read."""
        if self.basis == "memory":
            return "from memory, unverified"
        text = f"[{'AWS' if self.basis == 'price page' else 'secondary'}]({self.source}), {self.as_of}"
        return f"{text}; in part from memory, unverified" if "unverified" in self.note else text

    def cost(self, quantity: float, *, deduct_free: bool = False) -> float:
        """Return USD for a month's quantity."""
        remaining = max(quantity - (self.always_free if deduct_free else 0), 0)
        lower, total = 0.0, 0.0
        for upper, usd in self.tiers:
            in_tier = remaining if upper is None else min(remaining, upper - lower)
            total += in_tier * usd / self.per
            remaining -= in_tier
            lower = upper or lower
        return total


class Prices(_Data):
    """All prices of one region."""

    region: str
    prices: dict[str, Price]


class Operation(_Data):
    """The billed quantities of one operation, for the assumed usage."""

    name: str
    derivation: str
    function: str
    """The function's name in `.chalice/config.json`."""
    memory_mb: PositiveFloat
    per_user_and_day: NonNegativeFloat = 0
    per_hour: NonNegativeFloat = 0
    milliseconds: NonNegativeFloat
    """Billed duration of the invocation."""
    frames: NonNegativeFloat = 0
    """WebSocket messages in both directions, per started 32 KB."""
    http_requests: NonNegativeFloat = 0
    """HTTP requests, including CORS preflights."""
    write_units: NonNegativeFloat = 0
    read_units: NonNegativeFloat = 0
    sqs_requests: NonNegativeFloat = 0
    log_bytes: NonNegativeFloat = 0
    bytes_out: NonNegativeFloat = 0
    stored_bytes: NonNegativeFloat = 0
    """Bytes that it adds to the conversations table."""

    def quantities(self) -> Quantities:
        """Return the billed quantities, without storage."""
        return {
            "websocket_message": self.frames,
            "rest_request": self.http_requests,
            "lambda_gb_second": self.memory_mb / 1024 * self.milliseconds / 1000,
            "lambda_request": 1,
            "sqs_request": self.sqs_requests,
            "dynamodb_write": self.write_units,
            "dynamodb_read": self.read_units,
            "logs_ingested": self.log_bytes / GB,
            "transfer_out": self.bytes_out / GB,
        }


class Usage(_Data):
    """The assumptions: the usage of one daily user, and what a stage has regardless of its users."""

    days_per_month: PositiveFloat
    connection_hours_per_day: NonNegativeFloat
    months_stored: NonNegativeFloat
    """Age in months up to which messages are stored."""
    log_months_stored: NonNegativeFloat
    """Retention of logs, in months."""
    log_compression: NonNegativeFloat
    """Stored bytes per written byte of logs."""
    operations: list[Operation]
    per_stage: dict[str, tuple[float, float]]
    """Quantities per month that do not depend on the number of users: without users, and with any."""


def read_prices() -> Prices:
    """Read the project's prices."""
    return Prices.model_validate_json((DIRECTORY / "prices.json").read_text(encoding="utf-8"))


def read_usage() -> Usage:
    """Read the project's assumptions."""
    return Usage.model_validate_json((DIRECTORY / "usage.json").read_text(encoding="utf-8"))


def monthly_times(operation: Operation, users: int, usage: Usage) -> float:
    """Return how often an operation is performed per month."""
    return operation.per_user_and_day * users * usage.days_per_month + operation.per_hour * HOURS_PER_MONTH


def monthly_quantities(users: int, usage: Usage) -> Quantities:
    """Return the billed quantities of a stage with this number of daily users."""
    total: defaultdict[str, float] = defaultdict(float)
    for operation in usage.operations:
        times = monthly_times(operation, users, usage)
        for name, quantity in operation.quantities().items():
            total[name] += quantity * times
        total["dynamodb_storage"] += operation.stored_bytes / GB * times * usage.months_stored
    total["dynamodb_backup"] = total["dynamodb_storage"]
    total["websocket_minute"] = users * usage.days_per_month * usage.connection_hours_per_day * 60
    total["logs_stored"] = total["logs_ingested"] * usage.log_months_stored * usage.log_compression
    for name, (without_users, with_users) in usage.per_stage.items():
        total[name] += with_users if users else without_users
    return total
