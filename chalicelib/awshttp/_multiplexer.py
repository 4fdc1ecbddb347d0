"""Many transfers to one origin at the same time, on one thread. Nothing here knows what a request means."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._pool import ConnectionPool
from chalicelib.awshttp._run import Limits, Run
from chalicelib.awshttp._transfer import Preconnect, Transfer


class Multiplexer:
    """Runs transfers over the connections of a pool.

    Safe to use from any thread: each run has its own connections.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        clock: Clock,
        *,
        max_concurrency: int,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        """Have at most `max_concurrency` requests in flight in a run.

        Each of them has the timeouts, in seconds.
        """
        self._pool = pool
        self._clock = clock
        self._limits = Limits(max_concurrency, connect_timeout, read_timeout)

    def run(self, transfers: Iterable[Transfer], deadline: float) -> None:
        """Run transfers until all are complete, or until `deadline` (monotonic). Does not raise."""
        runnable = deque(transfers)
        if runnable:
            Run(self._pool, self._clock, self._limits, deadline).run(runnable)

    def preconnect(self, deadline: float) -> None:
        """Have an open connection in the pool when the next request comes. Does not raise if there can be none."""
        self.run([Preconnect()], deadline)
