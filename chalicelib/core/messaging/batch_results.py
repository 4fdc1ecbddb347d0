"""The results of a batch, in the order of its commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.protocol import frames
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import Push


class Outcome(NamedTuple):
    """The result of one command."""

    frame: Frame
    """The frame that the command would get alone."""
    status: int
    """The status that its HTTP route would have."""


@dataclass(slots=True)
class BatchResult:
    """The results of a batch."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """By the index of the command."""
    pushes: list[Push] = field(default_factory=list)
    failure: Exception | None = None
    """An error on the side of the server, to be logged."""

    def add_error(self, index: int, error: ChatError, correlation: Mapping[str, str]) -> None:
        """Add the result of a command that failed."""
        self.outcomes[index] = Outcome(frames.error(error, dict(correlation)), error.status)

    @property
    def frames(self) -> list[Frame]:
        """The results in the order of the commands, for the WebSocket."""
        return [self.outcomes[index].frame for index in sorted(self.outcomes)]

    @property
    def results(self) -> list[dict[str, Any]]:
        """The same with their statuses, for HTTP."""
        return [{**outcome.frame, "status": outcome.status} for _, outcome in sorted(self.outcomes.items())]
