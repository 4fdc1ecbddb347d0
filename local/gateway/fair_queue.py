"""Queued jobs in a line for each client, and the clients that must wait for others.

Clients take turns, so a client with many jobs in flight delays another one by at most one job for each worker.
The functions share the interpreter's lock, so a client that keeps several workers busy also slows all other jobs.
Such a client is restrained while others are active: one job at a time, with a pause after each.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

_WINDOW = 5.0
"""Seconds after which the use of workers has decayed to a third."""
_TOLERATED = 1.0
"""Seconds of workers in a window that restrain no client."""
_RELEASED = 0.2
"""Below so many seconds a client is restrained no longer: much less than it can use while it is restrained."""
_MULTIPLE = 4.0
"""A client is restrained if it uses so many times what the others use on average."""
_PAUSE = 4.0
"""The pause after a job of a restrained client, relative to the job."""
_LONGEST_PAUSE = 0.25
_NEGLIGIBLE = 0.001


class Job:
    """A unit of work, and its state, which belongs to the pool."""

    __slots__ = ("client", "run", "started", "withdrawn")

    def __init__(self, run: Callable[[], None], client: str = "") -> None:
        self.run = run
        self.client = client
        """The origin of the job; empty if unknown, and then it is never restrained."""
        self.started = False
        self.withdrawn = False


class FairQueue:
    """Jobs of clients that take turns. Not thread-safe."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Job]] = OrderedDict()
        self._length = 0
        """Counted along the way, as a full queue is asked for room by each message that it refuses."""

    def __len__(self) -> int:
        self._drop_withdrawn()
        return self._length

    def append(self, job: Job) -> None:
        """Queue a job behind those of the same client."""
        self._lines.setdefault(job.client, deque()).append(job)
        self._length += 1

    def has_room(self, client: str, length: int) -> bool:
        """Return whether a client may queue a job: the queue is shorter, or at least the client's part of it."""
        if self._length < length or len(self) < length:
            return True
        line = self._lines.get(client, ())
        return len(line) * (len(self._lines) + (not line)) < length

    def has_queued(self, client: str) -> bool:
        """Return whether jobs of a client are queued."""
        return client in self._lines

    def take(self, may_start: Callable[[str], bool]) -> Job | None:
        """Remove and return the next job of the first client that may start one; it is the last client then."""
        self._drop_withdrawn()
        client = next((client for client in self._lines if may_start(client)), None)
        if client is None:
            return None
        line = self._lines.pop(client)
        job = line.popleft()
        self._length -= 1
        if line:
            self._lines[client] = line
        return job

    def clear(self) -> None:
        """Remove all jobs."""
        self._lines.clear()
        self._length = 0

    def _drop_withdrawn(self) -> None:
        """Remove withdrawn jobs from the head of each line: those that have waited longest are withdrawn first."""
        for client, line in list(self._lines.items()):
            while line and line[0].withdrawn:
                line.popleft()
                self._length -= 1
            if not line:
                del self._lines[client]


class _Use(NamedTuple):
    seconds: float
    at: float


class Usage:
    """The recent use of workers by each client, without jobs that were alone. Not thread-safe."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}
        self._restrained: set[str] = set()
        self._swept_at = 0.0

    def __len__(self) -> int:
        """Return the number of clients that are remembered."""
        return len(self._uses)

    def add(self, client: str, seconds: float, now: float, *, is_alone: bool) -> None:
        """Count a job that took `seconds`; one that `is_alone` only shows that its client is active."""
        if now - self._swept_at > _WINDOW:
            self._swept_at = now
            self._forget_inactive(now)
        if client:
            counted = _NEGLIGIBLE if is_alone else max(seconds, _NEGLIGIBLE)
            self._uses[client] = _Use(self._of(client, now) + counted, now)

    def is_excessive(self, client: str, now: float) -> bool:
        """Return whether a client uses much more than the other active ones, or did so a moment ago."""
        seconds = self._of(client, now)
        if seconds <= (_RELEASED if client in self._restrained else _TOLERATED):
            self._restrained.discard(client)
            return False
        self._forget_inactive(now)
        others = [self._of(name, now) for name in self._uses if name != client]
        if others and seconds > _MULTIPLE * sum(others) / len(others):
            self._restrained.add(client)
        elif not others:
            self._restrained.discard(client)
        return client in self._restrained

    def _forget_inactive(self, now: float) -> None:
        """Forget clients whose use is over: each ticket and each renewed token is a new one."""
        for name in [name for name in self._uses if self._of(name, now) < _NEGLIGIBLE / 10]:
            del self._uses[name]
            self._restrained.discard(name)

    def _of(self, client: str, now: float) -> float:
        use = self._uses.get(client, _Use(0.0, now))
        return use.seconds * math.exp((use.at - now) / _WINDOW)


def pause_after(seconds: float) -> float:
    """Return how long a restrained client waits after a job of this length."""
    return min(_PAUSE * seconds, _LONGEST_PAUSE)
