"""Standard input as lines, without keeping an interrupted command alive."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator

CHUNK = 65_536
BUFFERED_LINES = 1_000


async def lines(descriptor: int | None = None) -> AsyncIterator[str]:
    """Yield the lines of standard input, or of a descriptor, with their ends.

    Bytes that are not UTF-8 become the replacement character.

    A daemon thread reads the descriptor itself: a thread of the event loop, or one that holds the lock of
    `sys.stdin`, would delay the end of the program until the next line comes.
    """
    loop = asyncio.get_running_loop()
    source = sys.stdin.fileno() if descriptor is None else descriptor
    received: asyncio.Queue[str | OSError | None] = asyncio.Queue()
    free = threading.Semaphore(BUFFERED_LINES)
    is_ended = threading.Event()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the command has ended
            for value in _values(source):
                free.acquire()
                if is_ended.is_set():
                    return
                # Not a coroutine that waits for room: it would be cancelled, or never run, at the end of the loop.
                loop.call_soon_threadsafe(received.put_nowait, value)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    try:
        while (value := await received.get()) is not None:
            if isinstance(value, OSError):
                raise value
            free.release()
            yield value
    finally:
        is_ended.set()
        free.release()


def _values(descriptor: int) -> Iterator[str | OSError | None]:
    """Yield the lines, and None at their end or the error that ended them."""
    try:
        yield from _read(descriptor)
    except OSError as error:
        yield error
    else:
        yield None


def _read(descriptor: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest: list[str] = []
    while chunk := os.read(descriptor, CHUNK):
        *ended, last = decoder.decode(chunk).split("\n")
        for line in ended:
            yield "".join([*rest, line, "\n"])
            rest.clear()
        rest.append(last)
    if line := "".join([*rest, decoder.decode(b"", final=True)]):
        yield line
