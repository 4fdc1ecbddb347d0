"""The budget of each participant, or service: the cost of requests, and the number of frames.

Most charges are remembered by this process alone. The store is asked for the sum when that exceeds half the burst,
so a message, or a reconnect with a `sync` for each conversation, costs no call. A process forgets charges at a
twentieth of the rate. So `n` processes let a participant spend the burst and the rate, and besides that `n` times
half the burst once, and `n` twentieths of the rate.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.ports.rate_limits import Bucket, RateLimitStore

MAX_METERS = 10_000
"""The most participants that a process remembers: those that were charged last."""
_FORGOTTEN_PART = 20


class _Meter(NamedTuple):
    level: float = 0.0
    """The charges since the store was asked, less those that were forgotten."""
    at: int = 0
    refused_until: int = 0


class Budget:
    """Charges one bucket of participants. The store decides; a refusal is remembered for as long as it holds."""

    def __init__(
        self, bucket: Bucket, per_second: int, burst: int, *, rate_limits: RateLimitStore, runtime: Runtime
    ) -> None:
        self._bucket = bucket
        # The store counts whole milliseconds: a fast rate is charged in units of several.
        self._unit = 1 if per_second <= 1000 else math.ceil(per_second / 100)
        self._interval = 1000 * self._unit // per_second
        self._burst = burst
        self._most = max(burst // self._unit, 1)
        self._forgotten = per_second / _FORGOTTEN_PART / 1000
        self._rate_limits = rate_limits
        self._clock = runtime.clock
        self._meters: OrderedDict[str, _Meter] = OrderedDict()
        """By participant, the last one charged at the end. Each access is a single step, for threads."""

    def charge(self, participant_id: str, price: int) -> None:
        """Charge a participant.

        Raises:
            RateLimited: the budget is spent; nothing is charged until some of it is there again.
        """
        if not price:
            return
        now = milliseconds(self._clock)
        meter = self._meters.pop(participant_id, _Meter(at=now))
        if now >= meter.refused_until:
            meter = self._added(participant_id, meter, price, now)
        self._meters[participant_id] = meter
        if len(self._meters) > MAX_METERS:
            self._meters.popitem(last=False)
        if now < meter.refused_until:
            raise RateLimited("Too many requests: slow down.", retry_after=(meter.refused_until - now) / 1000)

    def _added(self, participant_id: str, meter: _Meter, price: int, now: int) -> _Meter:
        level = max(meter.level - self._forgotten * max(now - meter.at, 0), 0) + price
        if level <= self._burst / 2:
            return _Meter(level, now)
        decision = self._rate_limits.acquire(
            participant_id,
            now,
            min(math.ceil(level / self._unit), self._most),
            interval=self._interval,
            burst=self._most,
            bucket=self._bucket,
        )
        if decision.allowed:
            return _Meter(0, now)
        # The earlier charges are asked for again; only the refused request is free.
        return _Meter(level - price, now, now + max(math.ceil(decision.retry_after * 1000), 1))
