"""The result of handling one frame."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.core.model.actors import Actor
from chalicelib.core.model.connections import Subscription
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import Push


@dataclass(slots=True)
class FrameResult:
    """Filled in while a frame is handled."""

    generation: int = 0
    """That of the connection, 0 if it is not known."""
    replies: list[Frame] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    close_with: Frame | None = None
    """Close the connection after this frame."""
    failure: Exception | None = None
    """An error on the side of the server, to be logged."""
    revived: list[tuple[Subscription, Actor]] = field(default_factory=list)
    """Subscriptions of a stale connection that were restored, and its participant as an actor."""
