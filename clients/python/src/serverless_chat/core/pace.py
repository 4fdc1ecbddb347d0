"""A rate of requests that the server accepts from one participant."""

from __future__ import annotations


class Pace:
    """Permits a number of requests at once, and further ones at a rate."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst, self._per_second = burst, per_second
        self._left, self._at = float(burst), 0.0

    def permits(self, now: float) -> bool:
        """Return whether a request may be sent now, which counts from here on."""
        self._left, self._at = min(self._burst, self._left + (now - self._at) * self._per_second), now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def due(self) -> float:
        """When the next request is permitted."""
        return self._at + max(0.0, 1 - self._left) / self._per_second
