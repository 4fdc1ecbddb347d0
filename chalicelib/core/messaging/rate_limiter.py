"""The rate of messages, asked and paid for one change."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.rate_limits import RateLimitDecision


class RateLimitCharge:
    """The rate: asked once for each change, however often it is tried, and paid at most once."""

    def __init__(self, connections: ConnectionStore, participant_id: str, clock: Clock, limits: Limits) -> None:
        self._connections = connections
        self._participant_id = participant_id
        self._clock = clock
        self._interval = 1000 // limits.messages_per_second
        self._burst = limits.message_burst
        self._verdict: RateLimitDecision | None = None
        self._paid = False

    def reserve(self) -> None:
        """Ask, if that has not been done."""
        if self._verdict is None:
            now = milliseconds(self._clock)
            self._verdict = self._connections.try_acquire(
                self._participant_id, now, interval=self._interval, burst=self._burst
            )

    def raise_if_limited(self) -> None:
        """Raises RateLimited."""
        if self._verdict is not None and not self._verdict["allowed"]:
            raise RateLimited(retry_after=self._verdict["retry_after"])

    def pending_charges(self) -> list[Callable[[], None]]:
        """What is to be paid, beside the write that it is for; once."""
        owed = self._verdict is not None and self._verdict["charge_pending"] and not self._paid
        self._paid = True
        return [lambda: self._connections.charge(self._participant_id, interval=self._interval)] if owed else []
