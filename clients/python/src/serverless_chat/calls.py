"""Calls that wait for the server, all of which the end of a client ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .errors import ChatClosedError

T = TypeVar("T")
CLOSED = "the chat is closed"


class Calls:
    """Runs the work of calls until the client is closed."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._is_ended = False

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of a coroutine. Raises ChatClosedError, and cancels it, if the client is closed."""
        if self._is_ended:
            work.close()
            raise ChatClosedError(CLOSED)
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:  # the caller gives up
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._running.discard(task)
        if task.cancelled() and self._is_ended:
            raise ChatClosedError(CLOSED)
        return task.result()

    def end(self) -> None:
        """End all calls, and those that follow."""
        self._is_ended = True
        for task in self._running:
            task.cancel()
