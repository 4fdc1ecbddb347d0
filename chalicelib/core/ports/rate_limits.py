"""The limits on how many messages and frames a participant may send, how many changes make, and what to spend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from chalicelib.core.model.actors import Principal

Bucket = Literal[
    "messages", "changes", "creations", "additions", "invitations", "reports", "requests", "frames", "services"
]
"""The limits, each of which is charged on its own."""


Charge = Callable[[Principal, int], None]
"""Charges the budget of a caller, or of the service that acts for them. Raises RateLimited."""


class RateLimitDecision(NamedTuple):
    """Whether messages are within the limit."""

    allowed: bool
    retry_after: float = 0.0
    """Seconds until they will be, if they are not."""
    overlaps: bool = False
    """Whether they came so shortly after the participant's previous one that both are probably being sent now."""


class RateLimitStore(Protocol):
    """A rate limiter by the generic cell rate algorithm (ITU-T I.371), for each participant."""

    def acquire(
        self,
        participant_id: str,
        now: int,
        count: int,
        *,
        interval: int,
        burst: int,
        bucket: Bucket = "messages",
    ) -> RateLimitDecision:
        """Ask for `count` messages or changes at `now` (ms): one each `interval` ms is allowed, `burst` at once.

        Messages that are allowed are charged by this, atomically: at most `burst` calls of any number in parallel
        are allowed. `count` is at most `burst`.
        """
        ...
