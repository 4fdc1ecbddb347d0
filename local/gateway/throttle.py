"""Token buckets: how API Gateway limits requests (rate and burst) and new connections."""

from collections.abc import Callable


class TokenBucket:
    """A bucket that holds ``burst`` tokens and gains ``rate`` tokens per second.

    Rate and burst are asked for at each draw, so that a changed setting counts at once.
    """

    def __init__(self, limits: Callable[[], tuple[float, float]], monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._tokens = limits()[1]
        self._burst = self._tokens
        self._filled_at = monotonic()

    def try_acquire(self) -> bool:
        """Take one token; False when there is none, which means 429."""
        rate, burst = self._limits()
        now = self._monotonic()
        if burst > self._burst:  # a raised quota must not leave the old shortage behind
            self._tokens += burst - self._burst
        self._burst = burst
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
