"""The limits on how many messages a participant may send, and how many changes make."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

Bucket = Literal["messages", "changes", "creations", "additions", "invitations"]
"""The limits, each of which is charged on its own."""


class RateLimitDecision(NamedTuple):
    """Whether one more message is within the limit."""

    allowed: bool
    retry_after: float = 0.0
    """Seconds until it will be, if it is not."""
    charge_pending: bool = False
    """Allowed out of the burst, and not charged yet."""
    overlaps: bool = False
    """Whether it came so shortly after the participant's previous one that both are probably being sent now."""


class RateLimitStore(Protocol):
    """A rate limiter by the generic cell rate algorithm (ITU-T I.371), for each participant."""

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Ask for one message at `now` (ms): one each `interval` ms is allowed, and `burst` at once.

        A message within the steady rate is charged by this.
        """
        ...

    def charge(self, participant_id: str, now: int, *, interval: int) -> None:
        """Charge for a message out of the burst, at `now` (ms)."""
        ...

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
        """Ask for `count` messages, or changes, at once, at most `burst`; if allowed, they are charged by this."""
        ...
