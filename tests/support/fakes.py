"""Fakes of the application's ports: the clock, the poster, the job queue, the observer, and `Gather`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.protocol.frames import Frame
from tests.support.sequential import run_sequential

START_TIME = 1_800_000_000.0
"""The time of a new clock, in seconds since the epoch: in 2027."""


class FakeClock:
    """A clock that only `advance` and `sleep` move.

    With a `quantum` every sleep lasts at least so many seconds, so that the number of attempts before a deadline
    does not depend on the random duration of a pause. (A real sleep may last longer than requested, too.)
    """

    def __init__(self, start: float = START_TIME, *, quantum: float = 0.0) -> None:
        self.sleeps: list[float] = []
        """The requested durations, in seconds."""
        self._now = start
        self._frozen = 0.0
        self._quantum = quantum

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Return the same time, without that for which the process was frozen; it never decreases."""
        return self._now - self._frozen

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        self._now += seconds

    def freeze(self, seconds: float) -> None:
        """Freeze the process for a time, in which the monotonic clock may not run."""
        self._now += seconds
        self._frozen += seconds

    def set(self, seconds: float) -> None:
        """Set the time."""
        self._now = seconds

    def sleep(self, seconds: float) -> None:
        """Move the time forward and return at once."""
        self.sleeps.append(seconds)
        self._now += max(seconds, self._quantum)


class Post(NamedTuple):
    """A frame that was posted to a connection."""

    connection_id: str
    frame: Frame


class FakePoster:
    """A `ConnectionPoster` that records the frames that it posts; connections in `stale` answer 410."""

    def __init__(
        self,
        posts: list[Post] | None = None,
        stale: Iterable[str] = (),
        on_post: Callable[[], None] = lambda: None,
    ) -> None:
        """Several posters may share `posts`. `on_post` is called after each connection."""
        self.posts = [] if posts is None else posts
        self.stale = set(stale)
        self.closed: list[str] = []
        self._on_post = on_post

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Record the frames of all connections that are not stale, and return the stale ones."""
        for connection_id, frames in payloads.items():
            if connection_id not in self.stale:
                self.posts.extend(Post(connection_id, json.loads(frame)) for frame in frames)
                self._on_post()
        return [connection_id for connection_id in payloads if connection_id in self.stale]

    def close(self, connection_id: str) -> None:
        """Record the closed connection."""
        self.closed.append(connection_id)


class FakeJobQueue:
    """A `JobQueue` that records the jobs that are sent, or rejects them while `is_down`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []
        """Jobs with their delays in seconds."""
        self.is_down = False

    def send(self, work: str, delay: float) -> None:
        """Record a job. Raises Unavailable."""
        if self.is_down:
            raise Unavailable
        self.sent.append((work, delay))


class FakeObserver:
    """An `Observer` that records everything."""

    def __init__(self) -> None:
        self.values: dict[Metric, list[float]] = defaultdict(list)
        self.ids: dict[str, str | None] = {}

    def count(self, metric: Metric, value: float = 1) -> None:
        """Record a value of a metric."""
        self.values[metric].append(value)

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Record the ids that are given."""
        given = {"conversation_id": conversation_id, "participant_id": participant_id}
        self.ids |= {name: value for name, value in given.items() if value is not None}

    def sums(self) -> dict[Metric, float]:
        """Return the sum of each metric, unless it is zero."""
        return {metric: total for metric, values in self.values.items() if (total := sum(values))}


class InterleavingGather:
    """A `Gather` that runs an action between reads that the application does concurrently."""

    def __init__(self) -> None:
        self._after: dict[int, Callable[[], object]] = {}
        self._between: Callable[[], object] | None = None
        self._count = 0

    def after(self, nth: int, action: Callable[[], object]) -> None:
        """Run the action after the `nth` gathering from now on."""
        self._count = 0
        self._after = {nth: action}

    def between(self, action: Callable[[], object]) -> None:
        """Run the action in the next gathering, when only its last call has returned."""
        self._between = action

    @property
    def is_pending(self) -> bool:
        """Whether an action has not run yet."""
        return bool(self._after) or self._between is not None

    def reset(self) -> None:
        """Forget actions that have not run."""
        self._after.clear()
        self._between = None

    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """Return the results of all calls, and run the action that is due."""
        action, self._between = self._between, None
        if action is None:
            results = run_sequential(*calls)
        else:
            *earlier, last = calls
            result = last()
            action()
            results = [*run_sequential(*earlier), result]
        self._count += 1
        self._after.pop(self._count, lambda: None)()
        return results
