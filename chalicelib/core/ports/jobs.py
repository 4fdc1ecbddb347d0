"""TODO chalicelib.core.ports.jobs."""

from __future__ import annotations

from typing import Protocol


class JobQueue(Protocol):
    """Work for later. It may be lost or done twice: notes in the store find it, and no step harms if repeated."""

    def send(self, job: str, delay: float) -> None:
        """Let `work` be done in about `delay` seconds. Raises Unavailable."""
        ...
