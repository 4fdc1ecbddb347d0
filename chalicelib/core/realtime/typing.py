"""Typing indicators: pushed, never stored in the log, and not to conversations with many participants.

A client repeats `is_typing: true` while its user types; only one push per `Timing.typing_interval` is due for
that.
"""

from __future__ import annotations

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Head
from chalicelib.core.ports.connections import TypingStore
from chalicelib.core.protocol.frames import typing_push
from chalicelib.core.realtime.outbox import Push, ToSubscribers


class Typing:
    """Decides which pushes typing causes."""

    def __init__(self, *, typing: TypingStore, runtime: Runtime) -> None:
        self._typing = typing
        self._clock = runtime.clock
        self._limits = runtime.limits
        self._interval = int(runtime.timing.typing_interval * 1000)

    def pushes(self, head: Head, actor: Actor, is_typing: bool) -> list[Push]:
        """Return the push to the other subscribers, if one is due."""
        if head.participant_count > self._limits.typing_participants:
            return []
        conversation_id, participant_id = head.conversation_id, actor.participant_id
        if is_typing:
            now = milliseconds(self._clock)
            due = self._typing.start_typing(conversation_id, participant_id, now, interval=self._interval)
        else:
            due = self._typing.stop_typing(conversation_id, participant_id)
        frame = typing_push(conversation_id, actor, is_typing)
        return (
            [ToSubscribers(conversation_id, frame, head.departed, exclude_participant=participant_id)]
            if due
            else []
        )
