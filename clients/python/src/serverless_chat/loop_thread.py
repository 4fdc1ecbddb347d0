"""An event loop in a thread, for callers without asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .errors import ChatClosedError

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="serverless_chat", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine and return its result. Raises TimeoutError, and cancels it, if it takes too long."""
        if self._loop.is_closed():
            work.close()
            raise ChatClosedError("the chat is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:  # another class than TimeoutError before Python 3.11
            if future.done():
                raise  # of the coroutine itself
            future.cancel()
            raise TimeoutError(f"not within {timeout} seconds") from None
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a function in the loop and return its result."""

        async def work() -> T:
            return function(*arguments, **options)

        return self.run(work())

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop without waiting, unless the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
