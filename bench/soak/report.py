"""The results of a soak run."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checker import Verdict


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one time."""

    second: float
    memory: int
    threads: int


@dataclass(slots=True)
class Report:
    """The results of a run."""

    verdict: Verdict = field(default_factory=Verdict)
    acked: int = 0
    late: int = 0
    """Messages that were due and not sent, because all senders were busy."""
    retries: int = 0
    connects: int = 0
    storms: list[float] = field(default_factory=list)
    """Seconds until all participants were back."""
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
