"""Coroutines that wait for notifications about one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from .core.outputs import (
    Appended,
    Discarded,
    JsonObject,
    Prepended,
    Refused,
    Replaced,
    Resolved,
    SubscriptionEnded,
    Withdrawn,
)
from .errors import ChatClosedError, ChatError, DiscardedError, RefusedError

NOT_SENT = "The chat was closed before the message was sent."


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is in the log."""

    client_message_id: str
    sequence_id: int
    history_id: str


def refusal(refused: Refused) -> RefusedError:
    """Return the error of a command that the server refuses."""
    return RefusedError(
        refused.error.get("code", "INTERNAL"),
        refused.error.get("message") or "The server refuses the command.",
        conversation_id=refused.conversation_id,
        client_message_id=refused.client_message_id,
    )


class Waiting:
    """Ends each waiting once."""

    def __init__(self) -> None:
        self._sends: dict[str, list[asyncio.Future[Sent]]] = {}
        self._older: list[asyncio.Future[bool]] = []
        self._listeners: set[asyncio.Queue[JsonObject | None]] = set()
        self._is_ended = False

    def send(self, client_message_id: str) -> asyncio.Future[Sent]:
        """Return a future that ends with the message. Two sends can wait for one message."""
        future: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        self._sends.setdefault(client_message_id, []).append(future)
        if self._is_ended:
            self._settle(client_message_id, ChatClosedError(NOT_SENT))
        return future

    def is_sending(self, client_message_id: str | None) -> bool:
        """Return whether a send waits for this message."""
        return not all(future.done() for future in self._sends.get(client_message_id or "", ()))

    def forget_send(self, client_message_id: str, future: asyncio.Future[Sent]) -> None:
        """Forget a send that was never queued, or whose caller does not wait any more."""
        waiting = [other for other in self._sends.pop(client_message_id, ()) if other is not future]
        if waiting:
            self._sends[client_message_id] = waiting

    def older(self) -> asyncio.Future[bool]:
        """Return a future that ends with the next older page."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._older.append(future)
        if self._is_ended:
            self._end_older(False)
        return future

    async def events(self, known: Callable[[], Sequence[JsonObject] | None]) -> AsyncIterator[JsonObject]:
        """Yield the events that are known when the iteration begins, then others until the subscription ends.

        `known` returns None if it has ended before.
        """
        queue: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        events = known()
        for event in events or ():
            queue.put_nowait(event)
        if events is None or self._is_ended:
            queue.put_nowait(None)
        self._listeners.add(queue)
        try:
            while (event_or_end := await queue.get()) is not None:
                yield event_or_end
        finally:
            self._listeners.discard(queue)

    def notify(self, output: object) -> None:
        """End what a notification ends."""
        match output:
            case Replaced(events=events):
                self._publish(events)
                self._end_older(True)
            case Appended(events=events):
                self._publish(events)
            case Prepended():
                self._end_older(True)
            case Discarded():
                self._end_older(False)
            case SubscriptionEnded():
                self.end_events()
            case Resolved(_, client_message_id, sequence_id, history_id):
                self._settle(client_message_id, Sent(client_message_id, sequence_id, history_id))
            case Refused():
                self._settle(output.client_message_id, refusal(output))
            case Withdrawn(_, client_message_id):
                self._settle(client_message_id, DiscardedError("The message was discarded."))
            case _:
                pass

    def end(self) -> None:
        """End all, and what waits later: the chat or the room closes."""
        self._is_ended = True
        for client_message_id in list(self._sends):
            self._settle(client_message_id, ChatClosedError(NOT_SENT))
        self.end_events()

    def end_events(self) -> None:
        """End the iterations over events, and the waiting for older ones."""
        self._end_older(False)
        for queue in self._listeners:
            queue.put_nowait(None)

    def _publish(self, events: Sequence[JsonObject]) -> None:
        for queue in self._listeners:
            for event in events:
                queue.put_nowait(event)

    def _end_older(self, is_fetched: bool) -> None:
        waiting, self._older = self._older, []
        for future in waiting:
            if not future.done():
                future.set_result(is_fetched)

    def _settle(self, client_message_id: str | None, result: Sent | ChatError) -> None:
        for future in self._sends.pop(client_message_id or "", ()):
            if future.done():
                continue
            if isinstance(result, Sent):
                future.set_result(result)
            else:
                future.set_exception(result)
                future.exception()  # retrieved: a caller that does not wait any more is no error
