"""Standard input as lines, without keeping an interrupted command alive."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator, Iterator

CHUNK = 65_536
BUFFERED_LINES = 1_000


async def lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Yield the lines with their ends. Bytes that are not UTF-8 become the replacement character.

    A daemon thread reads the descriptor itself: a thread of the event loop, or one that holds the lock of
    `sys.stdin`, would delay the end of the program until the next line comes.
    """
    loop = asyncio.get_running_loop()
    received: asyncio.Queue[str | OSError | None] = asyncio.Queue(BUFFERED_LINES)

    def put(value: str | OSError | None) -> None:
        asyncio.run_coroutine_threadsafe(received.put(value), loop).result()

    def read() -> None:
        try:
            for line in _read(descriptor):
                put(line)
            put(None)
        except OSError as error:
            put(error)
        except RuntimeError:  # the loop is closed: the command has ended
            return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (value := await received.get()) is not None:
        if isinstance(value, OSError):
            raise value
        yield value


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
