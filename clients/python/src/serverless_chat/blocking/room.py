"""One open conversation, for callers without asyncio."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from .. import room as asynchronous
from ..core.message import Message
from ..core.outputs import JsonObject
from ..room import Target
from ..waiting import Sent
from .changes import Changes
from .loop_thread import LoopThread


class Room:
    """A conversation; see `serverless_chat.Room`."""

    def __init__(self, loop: LoopThread, room: asynchronous.Room) -> None:
        self._loop, self._room = loop, room
        self.id = room.id
        self.changes: Changes[list[Message]] = Changes(loop, room.changes)
        """The messages and their changes."""

    @property
    def is_loaded(self) -> bool:
        """Whether the newest messages are there."""
        return self._room.is_loaded

    @property
    def ended(self) -> str | None:
        """Why it ended: `conversation_removed`, `conversation_deleted`, or an error code such as `NOT_FOUND`."""
        return self._room.ended

    @property
    def messages(self) -> list[Message]:
        """All messages of the view in their order, then those that are pending or failed."""
        return self._loop.call(lambda: self._room.messages)

    @property
    def participants(self) -> list[JsonObject]:
        """The participants, with `role`, `online`, `read_up_to` and `muted_until`."""
        return self._loop.call(lambda: self._room.participants)

    @property
    def typists(self) -> list[JsonObject]:
        """The participants who type now."""
        return self._loop.call(lambda: self._room.typists)

    @property
    def read_up_to(self) -> int:
        """The sequence id of the last event that the user has read."""
        return self._loop.call(lambda: self._room.read_up_to)

    @property
    def unread_count(self) -> int:
        """The number of messages of others after `read_up_to`."""
        return self._loop.call(lambda: self._room.unread_count)

    @property
    def position(self) -> int:
        """The sequence id of the last event in the view."""
        return self._loop.call(lambda: self._room.position)

    def send(self, content: str, *, timeout: float | None = None, **options: Any) -> Sent:
        """Send a message, and return when it is in the log. After a TimeoutError it is still sent."""
        return self._loop.run(self._room.send(content, **options), timeout)

    def queue(self, content: str, **options: Any) -> str:
        """Queue a message, and return its client_message_id."""
        return self._loop.call(self._room.queue, content, **options)

    def edit(self, target: Target, content: str, **fields: Any) -> None:
        """Change the content of an own message."""
        self._loop.call(self._room.edit, target, content, **fields)

    def delete(self, target: Target) -> None:
        """Delete a message."""
        self._loop.call(self._room.delete, target)

    def react(self, target: Target, emoji: str) -> None:
        """Add a reaction."""
        self._loop.call(self._room.react, target, emoji)

    def unreact(self, target: Target, emoji: str) -> None:
        """Remove an own reaction."""
        self._loop.call(self._room.unreact, target, emoji)

    def retry(self, client_message_id: str) -> None:
        """Send a failed message again."""
        self._loop.call(self._room.retry, client_message_id)

    def discard(self, client_message_id: str) -> None:
        """Delete a failed message."""
        self._loop.call(self._room.discard, client_message_id)

    def read(self, up_to: int | None = None) -> None:
        """Mark all shown messages, or those up to a sequence id, as read."""
        self._loop.call(self._room.read, up_to)

    def save_position(self, sequence_id: int) -> None:
        """Store a position, for a room that was opened with `resume=True, saves_position=False`."""
        self._loop.call(self._room.save_position, sequence_id)

    def typing(self) -> None:
        """Show that the user types; call it for each keystroke. It ends by itself, and with a message."""
        self._loop.call(self._room.typing)

    def stop_typing(self) -> None:
        """Show that the user stopped typing without sending."""
        self._loop.call(self._room.stop_typing)

    def older(self, timeout: float | None = None) -> bool:
        """Fetch events before the first one; return whether there were any."""
        return self._loop.run(self._room.older(), timeout)

    def events(self, timeout: float | None = None) -> Generator[JsonObject, None, None]:
        """Iterate over the events of the view, then over each event as it comes.

        Args:
            timeout: After how many seconds without an event the iteration ends; None never ends it.
        """
        with contextlib.suppress(TimeoutError):
            yield from self._loop.iterate(self._room.events, lambda: timeout)

    def close(self) -> None:
        """Stop following the conversation."""
        self._loop.call(self._room.close)
