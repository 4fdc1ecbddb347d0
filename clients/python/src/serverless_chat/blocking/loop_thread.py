"""An event loop in a thread, for callers without asyncio, and a thread that calls their handlers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from ..calls import CLOSED
from ..changes import log
from ..errors import ChatClosedError

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        """Held while work is queued: `stop` cancels all that is queued by then, and nothing is queued later."""
        self._stopped = threading.Event()
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._handlers: threading.Thread | None = None
        self._ends: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run_loop, name="serverless_chat", daemon=True)
        self._thread.start()

    def _run_loop(self) -> None:
        try:
            self._loop.run_forever()
        except BaseException:  # noqa: BLE001 -- such as SystemExit of the token callback, which ends only the thread
            log.exception("the chat is closed")
            self._loop.set_exception_handler(lambda *_: None)  # the task would report it once more
        with self._lock:
            self._stopped.set()
        self._calls.put(None)
        try:
            self._loop.run_until_complete(_cancel_others())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def begin(self, make: Callable[[], T]) -> T:
        """Call a function in the loop and return its result. End the thread if it raises."""
        try:
            return self.call(make)
        except BaseException:
            self.stop()
            raise

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine and return its result. Raises TimeoutError, and cancels it, if it takes too long."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the token callback runs in the thread of the chat, so it cannot wait for the chat")
        with self._lock:
            if self._stopped.is_set():
                work.close()
                raise ChatClosedError(CLOSED)
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise ChatClosedError(CLOSED) from None
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

    def iterate(
        self, begin: Callable[[], AsyncIterator[T]], remaining: Callable[[], float | None]
    ) -> Generator[T, None, None]:
        """Yield the values of an iteration in the loop until it ends, or the chat is closed.

        Args:
            begin: Begins the iteration.
            remaining: Returns how many seconds to wait for the next value. After them TimeoutError is raised.
        """
        iteration = _Iteration(begin)

        def end() -> None:
            ending = asyncio.get_running_loop().create_task(iteration.end())
            self._ends.add(ending)  # the loop itself keeps no task alive
            ending.add_done_callback(self._ends.discard)

        with contextlib.suppress(ChatClosedError):
            try:
                while found := self.run(iteration.step(), remaining()):
                    yield found[0]
            finally:
                self.call_soon(end)

    def observe(
        self, on: Callable[[Callable[[T], object]], Callable[[], None]], handler: Callable[[T], object]
    ) -> Callable[[], None]:
        """Call a handler with each value from `on`, in the handlers' thread; return a function that ends this."""
        is_ended = threading.Event()

        def forward(value: T) -> None:
            self._calls.put(lambda: is_ended.is_set() or handler(value))

        def subscribe() -> Callable[[], None]:
            if self._handlers is None:
                name = "serverless_chat handlers"
                self._handlers = threading.Thread(target=self._call_handlers, name=name, daemon=True)
                self._handlers.start()
            return on(forward)

        off = self.call(subscribe)

        def end() -> None:
            is_ended.set()
            self.call_soon(off)

        return end

    def _call_handlers(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._stopped.is_set():
                continue
            try:
                call()
            except BaseException as error:  # noqa: BLE001 -- a defect of the caller's own code must not stop the others
                if not (self._stopped.is_set() and isinstance(error, ChatClosedError)):
                    log.exception("a handler failed")

    def stop(self, last: Callable[[], Coroutine[Any, Any, object]] | None = None) -> None:
        """Run a last coroutine, and end the threads. Calls that wait, and later ones, raise ChatClosedError."""
        with self._lock:
            is_first = not self._stopped.is_set()
            self._stopped.set()
            work = last() if is_first and last is not None else None
            ending = asyncio.run_coroutine_threadsafe(work, self._loop) if work is not None else None
        try:
            if ending is not None:
                with contextlib.suppress(concurrent.futures.CancelledError):  # the loop has ended by itself
                    ending.result()
        finally:
            if is_first:
                self.call_soon(self._loop.stop)
            self._thread.join()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Iteration(Generic[T]):
    """Takes one value at a time from an iterator.

    A step that has timed out may begin, and be cancelled, after `end` was called: the lock keeps them apart.
    """

    def __init__(self, begin: Callable[[], AsyncIterator[T]]) -> None:
        self._begin = begin
        self._iterator: AsyncIterator[T] | None = None
        self._is_ended = False
        self._lock = asyncio.Lock()

    async def step(self) -> tuple[T, ...]:
        """Return the next value, or nothing after the last one."""
        async with self._lock:
            if self._is_ended:
                return ()
            self._iterator = self._iterator or self._begin()
            async for value in self._iterator:
                return (value,)
            return ()

    async def end(self) -> None:
        """Close the iterator after its last step."""
        async with self._lock:
            self._is_ended = True
            if isinstance(self._iterator, AsyncGenerator):
                await self._iterator.aclose()
