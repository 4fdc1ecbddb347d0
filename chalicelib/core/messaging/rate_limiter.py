"""The limit on how many messages a participant may send; an update of a message counts as one.

The limit is checked in parallel with the reads that come before a write. A message within the steady rate is
charged by that; one out of the burst is charged in parallel with the write, so that a request that fails earlier
is free.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision, RateLimitStore


class RateLimitCharge:
    """The charge for one message. The limit is checked once and charged once, however often the write is tried."""

    def __init__(self, participant_id: str, *, rate_limits: RateLimitStore, runtime: Runtime) -> None:
        self._participant_id = participant_id
        self._rate_limits = rate_limits
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._interval = 1000 // runtime.limits.messages_per_second
        self._burst = runtime.limits.message_burst
        self._decision: RateLimitDecision | None = None
        self._charged = False

    def reserve(self) -> None:
        """Check the limit, unless that was done before."""
        if self._decision is None:
            now = milliseconds(self._clock)
            self._decision = self._rate_limits.try_acquire(
                self._participant_id, now, interval=self._interval, burst=self._burst
            )

    def raise_if_limited(self) -> None:
        """Raise RateLimited if the message is not within the limit."""
        if self._decision is not None and not self._decision.allowed:
            raise RateLimited(retry_after=self._decision.retry_after)

    def charge_with(self, write: Callable[[], object]) -> None:
        """Call `write`, and charge in parallel if that is still to be done."""
        if self._is_pending:
            self._gather(write, self.charge)
        else:
            write()

    def charge(self) -> None:
        """Charge, if that is still to be done."""
        if self._is_pending:
            self._charged = True
            now = milliseconds(self._clock)
            self._rate_limits.charge(self._participant_id, now, interval=self._interval)

    @property
    def overlaps(self) -> bool:
        """Whether another message of the participant is probably being sent now: they would conflict."""
        return self._decision is not None and self._decision.overlaps

    @property
    def _is_pending(self) -> bool:
        return self._decision is not None and self._decision.charge_pending and not self._charged


class PrepaidRateLimits:
    """The `RateLimitStore` for messages whose batch was charged before."""

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Allow the message."""
        return RateLimitDecision(allowed=True)

    def charge(self, participant_id: str, now: int, *, interval: int) -> None:
        """Charge nothing."""

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
        """Allow the messages."""
        return RateLimitDecision(allowed=True)


def charge_batch(participant_id: str, count: int, *, rate_limits: RateLimitStore, runtime: Runtime) -> None:
    """Charge for `count` messages at once. Raises RateLimited; then nothing was charged."""
    if not count:
        return
    limits = runtime.limits
    interval = 1000 // limits.messages_per_second
    now = milliseconds(runtime.clock)
    decision = rate_limits.acquire(participant_id, now, count, interval=interval, burst=limits.message_burst)
    if not decision.allowed:
        raise RateLimited(retry_after=decision.retry_after)
