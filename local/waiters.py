"""The waiters of this process, the senders whose runs are queued: see `core/messaging/queue_wait.py`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

Sleep = Callable[[float, Callable[[float], object]], object]
"""Waits for so many seconds by calling a function with them, as `workers.sleep` does."""


class Waiter:
    """One sender whose run is queued."""

    def __init__(self, sleep: Sleep, *, is_next: bool) -> None:
        self.is_next = is_next
        """Whether it has waited longest, so that it leads next."""
        self._sleep = sleep
        self._notified = threading.Event()
        self._is_committed = False

    def sleep(self, seconds: float) -> bool:
        """Wait, at most until a notification; return whether the run has been committed by another sender."""
        self._sleep(seconds, self._notified.wait)
        self._notified.clear()
        return self._is_committed

    def notify(self, *, is_committed: bool) -> None:
        """End the wait."""
        self._is_committed |= is_committed
        self._notified.set()


class Waiters:
    """See the module. All methods are thread-safe."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._lines: dict[str, OrderedDict[str, Waiter]] = {}
        """By conversation: the waiters in the order of their arrival."""

    def enter(self, conversation_id: str, queue_id: str) -> Waiter:
        """Add a waiter, before its run is queued."""
        with self._lock:
            line = self._lines.setdefault(conversation_id, OrderedDict())
            waiter = line[queue_id] = Waiter(self._sleep, is_next=not line)
            return waiter

    def leave(self, conversation_id: str, queue_id: str) -> None:
        """Remove a waiter; a no-op if it has left."""
        self._remove(conversation_id, [queue_id], is_committed=False)

    def committed(self, conversation_id: str, queue_ids: Collection[str]) -> None:
        """Notify and remove the waiters of these runs, and notify the one that leads next."""
        self._remove(conversation_id, queue_ids, is_committed=True)

    def _remove(self, conversation_id: str, queue_ids: Collection[str], *, is_committed: bool) -> None:
        with self._lock:
            line = self._lines.get(conversation_id)
            if line is None:
                return
            for queue_id in queue_ids:
                waiter = line.pop(queue_id, None)
                if waiter is not None and is_committed:
                    waiter.notify(is_committed=True)
            if not line:
                del self._lines[conversation_id]
                return
            first = next(iter(line.values()))
            if not first.is_next:
                first.is_next = True
                first.notify(is_committed=False)
