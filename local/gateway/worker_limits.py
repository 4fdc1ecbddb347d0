"""The bounds of a pool of workers (`workers.py`)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The bounds of a pool."""

    workers: int
    """Jobs that run at the same time, without those that sleep or are blocked."""
    max_threads: int
    """The maximum number of threads, including those that replace blocked ones."""
    queue_length: int
    """The maximum number of queued jobs, not counting background jobs; beyond it, a client has only its part."""
    blocked_after: float
    """Seconds after which a running job no longer counts as one of `workers`."""
    idle_seconds: float = 10.0
    """Seconds without a job after which a thread ends."""
    surplus_seconds: float = 0.5
    """The same for threads above `workers`: not 0, as starting a thread costs more than most jobs."""
