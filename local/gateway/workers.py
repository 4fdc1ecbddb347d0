"""A bounded pool of threads with a bounded queue, for the invocations of functions.

Few threads serve most requests per second on a machine with few cores: more of them only share the interpreter's
lock, so that every invocation takes longer and clients give up. `Limits.workers` jobs run at a time, and further
ones wait. A job that has run for `Limits.blocked_after` seconds most likely waits, for a hung post or for another
invocation through this gateway. It no longer counts: a blocked worker is replaced, and functions that call each
other cannot deadlock. Neither does a job that sleeps (`sleep`), for instance between two reads of a queue of
messages. Threads end after `idle_seconds` without a job, and surplus ones after `surplus_seconds`.

There are two queues: one of bounded length for jobs whose clients wait, in which the clients take turns
(`fair_queue.py`), and one for background jobs, which are kept until they run: every fourth job if both are queued.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from local.gateway.fair_queue import FairQueue, Job, Usage, pause_after
from local.gateway.worker_limits import Limits

_BACKGROUND_INTERVAL = 4
_thread = threading.local()


def sleep(seconds: float, wait: Callable[[float], object] = time.sleep) -> None:
    """Wait for `seconds`; a worker of a pool does not count as one of its running jobs meanwhile."""
    pool: WorkerPool | None = getattr(_thread, "pool", None)
    if pool is None:
        wait(seconds)
        return
    pool.pause()
    try:
        wait(seconds)
    finally:
        pool.resume()


def after_job(callback: Callable[[], None]) -> None:
    """Call a function when the job of this worker has ended, or at once in a thread of no pool."""
    callbacks: list[Callable[[], None]] | None = getattr(_thread, "callbacks", None)
    if callbacks is None:
        callback()
    else:
        callbacks.append(callback)


class QueueFull(Exception):
    """All workers are busy, and the queue has no room."""


class WorkerPool:
    """The pool; see the module. All methods are thread-safe, and none of them waits."""

    def __init__(self, limits: Callable[[], Limits], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`limits` is read at each use, so that changes apply immediately."""
        self._limits = limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._queue = FairQueue()
        self._background: deque[Job] = deque()
        self._started_at: dict[threading.Thread, float] = {}
        """Since when the jobs run, without those that sleep."""
        self._jobs: dict[threading.Thread, Job] = {}
        self._usage = Usage()
        self._pausing: set[str] = set()
        """Restrained clients that have just had a job."""
        self._sleeping = 0
        self._threads = 0
        self._idle: list[threading.Event] = []  # of waiting threads; the last one is woken first
        self._taken = 0
        self._names = 0
        self._closed = False

    def submit(self, job: Job, *, background: bool = False) -> bool:
        """Queue a job; return whether it has to wait for a worker. Raises QueueFull unless `background`."""
        limits = self._limits()
        with self._lock:
            self._drop_withdrawn()
            can_start = self._can_wake(limits)
            if background:
                self._background.append(job)
            elif can_start or self._queue.has_room(job.client, limits.queue_length):
                self._queue.append(job)
            else:
                raise QueueFull
            if can_start:
                self._wake()
            return not can_start or not self._may_start(job.client)

    def has_room(self, client: str) -> bool:
        """Return whether a job of a client could be queued now."""
        limits = self._limits()
        with self._lock:
            return self._queue.has_room(client, limits.queue_length) or self._can_wake(limits)

    def withdraw(self, job: Job) -> bool:
        """Take a job out of the queue; return False if it has started."""
        with self._lock:
            job.withdrawn = not job.started
            return job.withdrawn

    def replace_blocked(self) -> bool:
        """Start a worker if jobs are queued and enough others are blocked; return whether jobs are queued."""
        limits = self._limits()
        with self._lock:
            self._drop_withdrawn()
            queued = bool(self._queue or self._background)
            if queued and self._can_wake(limits):
                self._wake()
            return queued

    def pause(self) -> None:
        """Do not count the job of this thread until `resume`; start another one if one is queued."""
        with self._lock:
            self._sleeping += 1
            self._started_at.pop(threading.current_thread(), None)
            if (self._queue or self._background) and self._can_wake(self._limits()):
                self._wake()

    def resume(self) -> None:
        """Count the job of this thread again. It never waits: all that it has left to do is short."""
        with self._lock:
            self._sleeping -= 1
            self._started_at[threading.current_thread()] = self._monotonic()

    def threads(self) -> int:
        """Return the number of threads."""
        with self._lock:
            return self._threads

    def idle_threads(self) -> int:
        """Return the number of threads that wait for a job."""
        with self._lock:
            return len(self._idle)

    def close(self) -> None:
        """End idle threads now, and busy ones when their job returns; drop the queued jobs."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._background.clear()
            while self._idle:
                self._idle.pop().set()

    def _active(self, limits: Limits) -> int:
        """Return the number of threads that run a job or are about to, without those that are blocked or sleep."""
        blocked_since = self._monotonic() - limits.blocked_after
        blocked = sum(started <= blocked_since for started in self._started_at.values())
        return self._threads - len(self._idle) - self._sleeping - blocked

    def _can_wake(self, limits: Limits) -> bool:
        if self._closed or self._active(limits) >= limits.workers:
            return False
        return bool(self._idle) or self._threads < limits.max_threads

    def _wake(self) -> None:
        if self._idle:
            self._idle.pop().set()
            return
        self._threads += 1
        self._names += 1  # a daemon, so that a blocked function never prevents the exit
        threading.Thread(target=self._work, name=f"lambda-{self._names}", daemon=True).start()

    def _work(self) -> None:
        _thread.pool = self
        callbacks: list[Callable[[], None]] = []
        _thread.callbacks = callbacks
        while (job := self._next()) is not None:
            job.run()
            for callback in callbacks:
                callback()
            callbacks.clear()
            self._finish(job)

    def _finish(self, job: Job) -> None:
        """Count the job as its client's; wait if the client is restrained."""
        with self._lock:
            this, now = threading.current_thread(), self._monotonic()
            seconds = now - self._started_at.get(this, now)
            del self._jobs[this]
            is_alone = not self._queue.has_queued(job.client) and not self._running(job.client)
            self._usage.add(job.client, seconds, now, is_alone=is_alone)
            if job.client in self._pausing or not self._usage.is_excessive(job.client, now):
                return
            self._pausing.add(job.client)
        sleep(pause_after(seconds))
        with self._lock:
            self._pausing.discard(job.client)

    def _running(self, client: str) -> int:
        """Return the number of a client's jobs that run, without those that are blocked or sleep."""
        blocked_since = self._monotonic() - self._limits().blocked_after
        return sum(
            self._started_at.get(thread, blocked_since) > blocked_since
            for thread, job in self._jobs.items()
            if job.client == client
        )

    def _may_start(self, client: str) -> bool:
        """Return whether a client may start a job: a restrained one has one at a time, with pauses."""
        if not self._usage.is_excessive(client, self._monotonic()):
            return True
        return client not in self._pausing and not self._running(client)

    def _next(self) -> Job | None:
        """Return the next job, or None to end the thread."""
        this = threading.current_thread()
        with self._lock:
            self._started_at.pop(this, None)
            while not self._closed:
                limits = self._limits()
                job = self._take() if self._active(limits) <= limits.workers else None
                if job is not None:
                    job.started = True
                    self._started_at[this] = self._monotonic()
                    self._jobs[this] = job
                    return job
                is_surplus = self._threads > limits.workers
                seconds = limits.surplus_seconds if is_surplus else limits.idle_seconds
                if not self._wait_for_wake(seconds) and (self._threads > limits.workers or not is_surplus):
                    break
            self._threads -= 1
            return None

    def _wait_for_wake(self, seconds: float) -> bool:
        """Wait, without the lock, until a job may be there; return False after `seconds`."""
        self._idle.append(woken := threading.Event())
        self._lock.release()
        try:
            woken.wait(seconds)
        finally:
            self._lock.acquire()
        is_woken = woken not in self._idle
        if not is_woken:
            self._idle.remove(woken)
        return is_woken

    def _take(self) -> Job | None:
        self._drop_withdrawn()
        self._taken += 1
        if self._background and self._taken % _BACKGROUND_INTERVAL == 0:
            return self._background.popleft()
        job = self._queue.take(self._may_start)
        return self._background.popleft() if job is None and self._background else job

    def _drop_withdrawn(self) -> None:
        """Remove withdrawn jobs from the head: those that have waited longest are withdrawn first."""
        while self._background and self._background[0].withdrawn:
            self._background.popleft()
