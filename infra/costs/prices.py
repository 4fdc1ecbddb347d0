"""Prices: read from `prices.json`, and what a quantity costs by them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PRICES = Path(__file__).parent / "prices.json"


class Price(BaseModel):
    """The price of one thing, where it was read, and of when it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str
    per: float = Field(gt=0)
    """How many units the prices of the tiers are for."""
    tiers: list[tuple[float | None, float]] = Field(min_length=1)
    """Up to how many units a month (None: all further ones), and USD for `per` of them."""
    always_free: float = Field(default=0, ge=0)
    """Units a month that are free for good, for the whole account."""
    source: str
    as_of: str
    basis: Literal["price page", "secondary", "memory"]
    """AWS's own page; a public page that repeats it; or from memory of the price page, unverified."""
    note: str = ""

    @property
    def evidence(self) -> str:
        """Where it was read, in a few words."""
        if self.basis == "memory":
            return "from memory of the price page, unverified"
        read = f"{'AWS' if self.basis == 'price page' else 'a page that repeats it'}, {self.as_of}"
        return f"{read}; in part from memory, unverified" if "unverified" in self.note else read

    def cost(self, units: float, *, free: bool = False) -> float:
        """USD for so many units in a month, with or without what is always free."""
        left, below, total = max(units - (self.always_free if free else 0), 0), 0.0, 0.0
        for up_to, usd in self.tiers:
            within = left if up_to is None else min(left, up_to - below)
            total += within * usd / self.per
            left -= within
            below = up_to or below
        return total


class Prices(BaseModel):
    """All prices of one region."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str
    prices: dict[str, Price]


def read_prices() -> Prices:
    """The prices that come with the project."""
    return Prices.model_validate_json(PRICES.read_text(encoding="utf-8"))
