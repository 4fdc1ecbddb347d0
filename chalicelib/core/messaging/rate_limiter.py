"""The limit on how many messages a participant may send; an update of a message counts as one.

A message is charged before it is written, in parallel with the reads that come before the write. So at most the
burst, and the messages of the steady rate, are accepted of one participant, however many are in flight. A request
that is refused afterwards has been charged, too. A service that acts for a participant has only its own budget.
"""

from __future__ import annotations

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision, RateLimitStore


class RateLimitCharge:
    """The charge for one message, which is made once, however often the write is tried."""

    def __init__(self, caller: Principal, *, rate_limits: RateLimitStore, runtime: Runtime) -> None:
        self._caller = caller
        self._rate_limits = rate_limits
        self._runtime = runtime
        self._decision: RateLimitDecision | None = None

    def reserve(self) -> None:
        """Charge, unless that was done before."""
        if self._decision is None:
            self._decision = _acquire(self._caller, 1, self._rate_limits, self._runtime)

    def raise_if_limited(self) -> None:
        """Raise RateLimited if the message is not within the limit."""
        if self._decision is not None:
            _require_allowed(self._decision)

    @property
    def overlaps(self) -> bool:
        """Whether another message of the participant is probably being sent now: they would conflict."""
        return self._decision is not None and self._decision.overlaps


class PrepaidRateLimits:
    """The `RateLimitStore` for messages whose batch was charged before."""

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


def charge_batch(caller: Principal, count: int, *, rate_limits: RateLimitStore, runtime: Runtime) -> None:
    """Charge for `count` messages at once. Raises RateLimited; then nothing was charged."""
    if count:
        _require_allowed(_acquire(caller, count, rate_limits, runtime))


def _acquire(caller: Principal, count: int, rate_limits: RateLimitStore, runtime: Runtime) -> RateLimitDecision:
    if caller.service is not None:
        return RateLimitDecision(allowed=True)
    limits = runtime.limits
    interval = 1000 // limits.messages_per_second
    now = milliseconds(runtime.clock)
    return rate_limits.acquire(caller.participant_id, now, count, interval=interval, burst=limits.message_burst)


def _require_allowed(decision: RateLimitDecision) -> None:
    if not decision.allowed:
        raise RateLimited(retry_after=decision.retry_after)
