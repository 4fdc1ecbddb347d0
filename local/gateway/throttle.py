"""Token buckets: API Gateway's limits for requests (rate and burst) and new connections."""

from collections.abc import Callable


class TokenBucket:
    """A bucket that holds ``burst`` tokens and gains ``rate`` tokens per second.

    Rate and burst are read at each use, so that changed settings apply immediately.
    """

    def __init__(self, limits: Callable[[], tuple[float, float]], monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._tokens = limits()[1]
        self._burst = self._tokens
        self._filled_at = monotonic()

    def try_acquire(self) -> bool:
        """Take one token; return False if there is none, which means 429."""
        rate, burst = self._limits()
        now = self._monotonic()
        if burst > self._burst:  # a raised quota adds its tokens immediately
            self._tokens += burst - self._burst
        self._burst = burst
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
