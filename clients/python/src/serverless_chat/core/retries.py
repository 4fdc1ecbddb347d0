"""Backoff, and requests that are repeated until they are answered."""

from __future__ import annotations

from collections.abc import Callable

ANSWER_TIMEOUT = 10.0
"""After how many seconds without an answer a request is repeated."""
MAX_DELAY = 30.0

Random = Callable[[], float]
"""Returns a number from 0 to below 1."""


class Backoff:
    """Full jitter: before attempt *n* + 1 a random time from 0 to min(30, 2ⁿ) seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._attempts = 0

    def next_delay(self, retry_after: float = 0.0) -> float:
        """Return the seconds to wait after another failed attempt; `retry_after` is waited in full."""
        self._attempts = min(self._attempts + 1, 10)
        return retry_after + self._random() * min(MAX_DELAY, 2.0**self._attempts)

    def reset(self) -> None:
        """Begin anew, after a success."""
        self._attempts = 0


class RepeatedRequest:
    """One request that is sent again after a timeout or a transient error, with a new frame id each time."""

    def __init__(self, send: Callable[[], str], random: Random) -> None:
        self.id: str | None = None
        self.due: float | None = None
        self._send = send
        self._backoff = Backoff(random)

    @property
    def is_running(self) -> bool:
        """Whether an answer or another attempt is awaited."""
        return self.due is not None

    def start(self, now: float) -> None:
        """Send it."""
        self.sent_as(self._send(), now)

    def sent_as(self, frame_id: str, now: float) -> None:
        """Await the answer to a frame that was sent already."""
        self.id = frame_id
        self.due = now + ANSWER_TIMEOUT

    def failed(self, now: float, retry_after: float = 0.0) -> None:
        """Send it again after the backoff."""
        self.id = None
        self.due = now + self._backoff.next_delay(retry_after)

    def answered(self) -> None:
        """End it; the next one begins without backoff."""
        self._backoff.reset()
        self.cancel()

    def cancel(self) -> None:
        """End it without an answer."""
        self.id = self.due = None

    def hurry(self, now: float) -> None:
        """Send it again now, if it is running: its frame may be lost."""
        self._backoff.reset()
        if self.is_running:
            self.start(now)

    def advance(self, now: float) -> None:
        """Let a timeout or a backoff end."""
        if self.due is None or now < self.due:
            return
        if self.id is None:
            self.start(now)
        else:
            self.failed(now)
