"""Typing indicators: pushed, never stored in the log, and not to conversations with many participants.

A client repeats `is_typing: true` while its user types; only one push per `Timing.typing_interval` and connection
is due for that.

Frames overtake each other (L8), so each command has an order (`command_order`): of a start and a stop of one
connection, the one with the higher order wins, whichever is executed first. The record that limits the pushes
also has the order, so this costs no further call, and a connection need not be subscribed. Pushes overtake each
other as well: by `sent_at`, the arrival of the command, receivers recognize the older one.

Receivers know that typing has ended from a stop, the participant's next message, departure or mute (events), from
`presence`, or when `Timing.typing_expires` has passed: so nothing else is pushed, also not after a disconnect.
"""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Head
from chalicelib.core.ports.connections import TypingStore
from chalicelib.core.protocol.frames import typing_push
from chalicelib.core.realtime.outbox import Push, ToSubscribers


class TypingCommand(NamedTuple):
    """A start or a stop, as a connection sent it."""

    is_typing: bool
    connection_id: str
    order: int
    received_at: int
    """When API Gateway received it (ms)."""


class Typing:
    """Decides which pushes typing causes."""

    def __init__(self, *, typing: TypingStore, runtime: Runtime) -> None:
        self._typing = typing
        self._clock = runtime.clock
        self._limits = runtime.limits
        self._interval = int(runtime.timing.typing_interval * 1000)

    def pushes(self, head: Head, actor: Actor, command: TypingCommand) -> list[Push]:
        """Return the push to the other subscribers, if one is due."""
        if head.participant_count > self._limits.typing_participants or actor.participant_id in head.blockers:
            return []
        is_typing, connection_id, order, received_at = command
        conversation_id, now = head.conversation_id, milliseconds(self._clock)
        if is_typing:
            due = self._typing.start_typing(connection_id, conversation_id, order, now, interval=self._interval)
        else:
            due = self._typing.stop_typing(connection_id, conversation_id, order, now)
        if not due:
            return []
        frame = typing_push(conversation_id, actor, is_typing=is_typing, sent_at=received_at)
        return [ToSubscribers(conversation_id, frame, head.excluded, exclude_participant=actor.participant_id)]
