"""The context of a command and the result of its frame, which handlers work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.connections import Connection, Subscription, command_order
from chalicelib.core.model.conversations import Head
from chalicelib.core.protocol import commands
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


class CommandContext(NamedTuple):
    """The connection, the head and the result that a handler works with."""

    connection: Connection
    head: Head | None
    """That of the conversation, for commands that append, if it was read."""
    received_at: int
    """When API Gateway received the command (ms)."""
    result: FrameResult

    @property
    def caller(self) -> Principal:
        """Return whose connection it is."""
        return self.connection.principal

    def order(self, command: commands.StateCommand) -> int:
        """Return the order of the command."""
        return command_order(command.n, self.received_at)
