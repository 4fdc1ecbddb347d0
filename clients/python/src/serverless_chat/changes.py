"""Observable state: functions that are called, and iterators that wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from .errors import ChatClosedError

T = TypeVar("T")
log = logging.getLogger("serverless_chat")


class Handlers(Generic[T]):
    """Functions that are called with values. They may call the client."""

    def __init__(self) -> None:
        self._handlers: list[Callable[[T], object]] = []

    def on(self, handler: Callable[[T], object]) -> Callable[[], None]:
        """Add a function; return a function that removes it."""
        self._handlers.append(handler)

        def off() -> None:
            if handler in self._handlers:
                self._handlers.remove(handler)

        return off

    def call(self, current: Callable[[], T]) -> bool:
        """Call each function with the value at that moment; return whether there was one."""
        handlers = list(self._handlers)
        for handler in handlers:
            if handler in self._handlers:  # an earlier handler may have removed it
                try:
                    handler(current())
                except Exception:  # a defect of the caller's own code must not stop the client
                    log.exception("a handler failed")
        return bool(handlers)


class Changes(Generic[T]):
    """The current value of a state, and its changes.

    `async for value in changes` yields the current value first, then the newest one after each change; values in
    between are skipped if the loop is slow. It ends when the chat, or the room, is closed.
    """

    def __init__(self, current: Callable[[], T]) -> None:
        self._current = current
        self._handlers: Handlers[T] = Handlers()
        self._waiting: set[asyncio.Event] = set()
        self._is_closed = False

    def on(self, handler: Callable[[T], object]) -> Callable[[], None]:
        """Call a function after each change; return a function that ends this. Handlers may call the client."""
        return self._handlers.on(handler)

    def emit(self) -> None:
        """Notify of a change."""
        self._handlers.call(self._current)
        self._wake()

    def close(self) -> None:
        """End all iterations: nothing changes any more."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the current value, and the newest one after each change, until the chat or the room is closed."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while not self._is_closed:
                event.clear()
                yield self._current()
                await event.wait()
        finally:
            self._waiting.discard(event)

    async def until(self, condition: Callable[[T], bool]) -> T:
        """Return the first value that fulfils a condition. Raises ChatClosedError if the chat is closed before."""
        async for value in self:
            if condition(value):
                return value
        if condition(value := self._current()):  # the last change came with the end
            return value
        raise ChatClosedError("The chat was closed before.")
