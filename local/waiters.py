"""The waiters of this process, the senders whose runs are queued: see `core/messaging/queue_wait.py`."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection

Sleep = Callable[[float, Callable[[float], object]], object]
"""Waits for so many seconds by calling a function with them, as `workers.sleep` does."""
AfterJob = Callable[[Callable[[], None]], None]
"""Calls a function when the job of this thread has ended, as `workers.after_job` does."""


class Waiter:
    """One sender whose run is queued."""

    def __init__(self, sleep: Sleep, *, is_next: bool) -> None:
        self.is_next = is_next
        """Whether it leads next: it has waited longest, and no leader pushes."""
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
    """See the module. All methods are thread-safe.

    A commit costs about as much for one message as for many, since it is pushed to every member. A leader that
    comes while the former one still pushes finds few messages, since most senders wait for those pushes: on a busy
    machine, commits would become ever smaller and more frequent. So the next leader is notified when the former
    one ends.
    """

    def __init__(self, sleep: Sleep, after_job: AfterJob) -> None:
        self._sleep = sleep
        self._after_job = after_job
        self._lock = threading.Lock()
        self._lines: dict[str, OrderedDict[str, Waiter]] = {}
        """By conversation: the waiters in the order of their arrival."""
        self._pushing: Counter[str] = Counter()
        """By conversation: the number of leaders that push."""

    def enter(self, conversation_id: str, queue_id: str) -> Waiter:
        """Add a waiter, before its run is queued."""
        with self._lock:
            line = self._lines.setdefault(conversation_id, OrderedDict())
            is_next = not line and conversation_id not in self._pushing
            waiter = line[queue_id] = Waiter(self._sleep, is_next=is_next)
            return waiter

    def leave(self, conversation_id: str, queue_id: str) -> None:
        """Remove a waiter; a no-op if it has left."""
        with self._lock:
            self._remove(conversation_id, queue_id)
            self._notify_next(conversation_id)

    def committed(self, conversation_id: str, queue_ids: Collection[str]) -> None:
        """Notify and remove the waiters of these runs; notify the next leader when the caller's job ends."""
        with self._lock:
            for queue_id in queue_ids:
                if (waiter := self._remove(conversation_id, queue_id)) is not None:
                    waiter.notify(is_committed=True)
            self._pushing[conversation_id] += 1
        self._after_job(lambda: self._pushed(conversation_id))

    def _pushed(self, conversation_id: str) -> None:
        with self._lock:
            self._pushing[conversation_id] -= 1
            if not self._pushing[conversation_id]:
                del self._pushing[conversation_id]
            self._notify_next(conversation_id)

    def _remove(self, conversation_id: str, queue_id: str) -> Waiter | None:
        line = self._lines.get(conversation_id, OrderedDict())
        waiter = line.pop(queue_id, None)
        if not line:
            self._lines.pop(conversation_id, None)
        return waiter

    def _notify_next(self, conversation_id: str) -> None:
        line = self._lines.get(conversation_id)
        if line is None or conversation_id in self._pushing:
            return
        first = next(iter(line.values()))
        if not first.is_next:
            first.is_next = True
            first.notify(is_committed=False)
