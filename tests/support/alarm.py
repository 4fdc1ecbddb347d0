"""An alarm for code of the main thread that does not end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Ring = Callable[[FrameType | None], object]


class Alarm:
    """Calls `ring` with the frame that runs so many seconds after `start`, and again until `stop`.

    `ring` may raise, which ends that code. A no-op outside the main thread, and where the system has no signal for
    it. There is one such signal: set up an alarm, use it, and remove it.
    """

    def __init__(self, seconds: float, ring: Ring) -> None:
        self._seconds = seconds
        self._ring = ring
        self._before: Any = None
        self._works = sys.platform != "win32" and threading.current_thread() is threading.main_thread()
        self._is_set_up = False

    def set_up(self) -> None:
        """Take the signal."""
        if self._works and not self._is_set_up:
            self._is_set_up = True
            self._before = signal.signal(signal.SIGALRM, lambda _number, frame: self._ring(frame))

    def remove(self) -> None:
        """Give the signal back."""
        if self._is_set_up:
            self._is_set_up = False
            signal.signal(signal.SIGALRM, self._before)

    def start(self) -> None:
        """Begin to count."""
        if self._is_set_up:
            signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)

    def stop(self) -> None:
        """End it."""
        if self._is_set_up:
            signal.setitimer(signal.ITIMER_REAL, 0)
