"""The environment that all use cases have in common."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.kernel.metrics import Observer


class Runtime(NamedTuple):
    """The time, concurrency, metrics and settings of an application. Create it with keywords."""

    clock: Clock
    gather: Gather
    observer: Observer
    limits: Limits
    timing: Timing
    history_id: HistoryId
    requires_consent: bool = False
    """Whether each addition by another participant needs acceptance."""
    profiles_by_services: bool = False
    """Whether only services set the profiles of participants."""
    token_leeway: int = 30
    """For how many seconds after its expiry a token is accepted, wherever it is checked."""
    token_lifetime: int = 30 * 24 * 3600
    """For how many seconds a token is accepted at most, the leeway included."""

    def has_expired(self, token_expires_at: int, grace: float = 0.0) -> bool:
        """Return whether a token, or something that was opened with it, is no longer accepted, after a grace."""
        return self.clock.now() >= token_expires_at + self.token_leeway + grace
