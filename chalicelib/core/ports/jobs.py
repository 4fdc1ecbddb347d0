"""Background jobs: steps of long work, by name."""

from __future__ import annotations

from typing import Protocol


class JobQueue(Protocol):
    """A queue. It may lose a job or deliver it twice: all pending work is stored, and every step is idempotent."""

    def send(self, job: str, delay: float) -> None:
        """Schedule a job to run in about `delay` seconds. Raises Unavailable."""
        ...
