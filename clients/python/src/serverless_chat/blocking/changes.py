"""Observable state for callers without asyncio."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from .. import changes as asynchronous
from ..calls import CLOSED
from ..errors import ChatClosedError
from .loop_thread import LoopThread

T = TypeVar("T")


class Changes(Generic[T]):
    """The current value of a state, and its changes.

    `for value in changes` yields the current value first, then the newest one after each change, until the chat is
    closed; values in between are skipped if the loop is slow.
    """

    def __init__(self, loop: LoopThread, changes: asynchronous.Changes[T]) -> None:
        self._loop, self._changes = loop, changes

    def on(self, handler: Callable[[T], object]) -> Callable[[], None]:
        """Call a function after each change; return a function that ends this. Handlers may call the client."""
        return self._loop.observe(self._changes.on, handler)

    def __iter__(self) -> Generator[T, None, None]:
        """Yield the current value, and the newest one after each change."""
        return self._loop.iterate(self._changes.__aiter__, lambda: None)

    def until(self, condition: Callable[[T], bool], timeout: float | None = None) -> T:
        """Return the first value that fulfils a condition.

        Raises:
            TimeoutError: There was none within `timeout` seconds.
            ChatClosedError: The chat was closed before.
        """
        end = None if timeout is None else time.monotonic() + timeout

        def remaining() -> float | None:
            return None if end is None else max(0.0, end - time.monotonic())

        for value in self._loop.iterate(self._changes.__aiter__, remaining):
            if condition(value):
                return value
        raise ChatClosedError(CLOSED)
