"""The client for scripts without asyncio: the same names, and calls that wait.

    with Chat(http_url, ws_url, token) as chat:
        room = chat.open(conversation_id)
        room.send("Hello!")
        for event in room.events(timeout=60):
            print(event)

A thread runs the event loop. All methods can be called from any thread.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any

from . import chat as asynchronous
from . import room as asynchronous_room
from .api import Token
from .blocking_service import Acting, Service
from .core.message import Message
from .core.outputs import JsonObject
from .core.row import Row
from .errors import RefusedError
from .loop_thread import LoopThread
from .room import Target
from .storage import Storage
from .waiting import Sent

__all__ = ["Acting", "Chat", "Room", "Service"]


class Room:
    """A conversation; see `serverless_chat.Room`."""

    def __init__(self, loop: LoopThread, room: asynchronous_room.Room) -> None:
        self._loop, self._room = loop, room
        self.id = room.id

    @property
    def messages(self) -> list[Message]:
        """All messages of the view in their order, then those that are pending or failed."""
        return self._loop.call(lambda: self._room.messages)

    @property
    def participants(self) -> list[JsonObject]:
        """The participants, with `role`, `online`, `read_up_to` and `muted_until`."""
        return self._loop.call(lambda: self._room.participants)

    @property
    def unread_count(self) -> int:
        """The number of unread messages of others."""
        return self._loop.call(lambda: self._room.unread_count)

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

    def older(self, timeout: float | None = None) -> bool:
        """Fetch events before the first one; return whether there were any."""
        return self._loop.run(self._room.older(), timeout)

    def events(self, timeout: float | None = None) -> Generator[JsonObject, None, None]:
        """Iterate over the events of the view, then over each event as it comes.

        Args:
            timeout: After how many seconds without an event the iteration ends; None never ends it.
        """
        received: queue.Queue[JsonObject | None] = queue.Queue()

        async def forward() -> None:
            try:
                async for event in self._room.events():
                    received.put(event)
            finally:
                received.put(None)  # also after an error: the iteration must not wait for ever

        async def start() -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(forward())

        task = self._loop.run(start())
        try:
            while (event := received.get(timeout=timeout)) is not None:
                yield event
        except queue.Empty:
            return
        finally:
            self._loop.call_soon(task.cancel)
        if task.done() and not task.cancelled():
            task.result()

    def close(self) -> None:
        """Stop following the conversation."""
        self._loop.call(self._room.close)


class Chat:
    """The chat as one participant; see `serverless_chat.Chat`."""

    def __init__(
        self, http_url: str, ws_url: str, token: Token, *, storage: Storage | None = None, **options: Any
    ) -> None:
        self._loop = LoopThread()
        self._chat = self._loop.call(
            lambda: asynchronous.Chat(http_url, ws_url, token, storage=storage, **options)
        )

    def __enter__(self) -> Chat:
        """Begin to connect."""
        self._loop.run(self._chat.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection. Unsent messages stay in the storage."""
        try:
            self._loop.run(self._chat.close())
        finally:
            self._loop.stop()

    @property
    def status(self) -> str:
        """The status of the connection, such as `open`."""
        return self._chat.status

    def on_error(self, handler: Callable[[RefusedError], object]) -> Callable[[], None]:
        """Call a function with each refusal that no call raises; return a function that ends this.

        Each call is in a new thread, so that the function may call the chat. See `serverless_chat.Chat`.
        """

        def begin(error: RefusedError) -> None:
            threading.Thread(target=handler, args=(error,), name="serverless_chat error", daemon=True).start()

        off = self._loop.call(self._chat.on_error, begin)
        return lambda: self._loop.call(off)

    def open(self, conversation_id: str, timeout: float | None = None) -> Room:
        """Return a conversation when its newest messages are there. Raises RefusedError, TimeoutError."""
        return Room(self._loop, self._loop.run(self._chat.open(conversation_id), timeout))

    def create(self, title: str, participants: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Room:
        """Create a conversation and open it."""
        return Room(self._loop, self._loop.run(self._chat.create(title, participants, **fields)))

    def direct(self, participant_id: str, name: str | None = None) -> Room:
        """Open the direct conversation with another participant, which begins if there is none yet."""
        return Room(self._loop, self._loop.run(self._chat.direct(participant_id, name)))

    def conversations(self) -> list[Row]:
        """Return the latest conversations, with unread counts."""
        return self._loop.run(self._chat.conversations.load())
