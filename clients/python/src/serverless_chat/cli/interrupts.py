"""Ctrl+C and SIGTERM in a command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any


@contextlib.contextmanager
def handled(handler: Any) -> Iterator[None]:
    """Handle Ctrl+C otherwise, unless it is ignored, as it is for a command in the background."""
    former = signal.getsignal(signal.SIGINT)
    if former is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command. Raises CancelledError after Ctrl+C, of which a second one ends the program at once.

    So does one before or after it: an exception there, or while tasks are ended, would be printed as a traceback.
    """

    async def interruptible() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt(*_: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if task is not None:
                task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # the loop may wait for something else

        with handled(interrupt):
            await work

    try:
        asyncio.run(interruptible())
    finally:
        work.close()  # it may not have begun


@contextlib.contextmanager
def terminable(end: Callable[[], object]) -> Iterator[None]:
    """Call a function of the event loop at SIGTERM, and end by it when the block has ended.

    Without it the program ends at once, and leaves the terminal as its interface has it.
    """
    loop, is_terminated = asyncio.get_running_loop(), False

    def terminate() -> None:
        nonlocal is_terminated
        is_terminated = True
        end()

    with contextlib.suppress(NotImplementedError):  # on Windows
        loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGTERM)
        if is_terminated:
            signal.raise_signal(signal.SIGTERM)
