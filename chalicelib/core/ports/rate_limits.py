"""TODO chalicelib.core.ports.rate_limits."""

from __future__ import annotations

from typing import TypedDict


class RateLimitDecision(TypedDict):
    """What the rate limiter says of one more message."""

    allowed: bool
    retry_after: float
    charge_pending: bool
    """Allowed out of the burst: the message is still to be charged for."""
