"""Standard input as lines: the thread that reads it ends without a trace when the command has ended.

An exception of a thread, and a coroutine that was never awaited, are failures of a test here.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from serverless_chat.cli.reading import BUFFERED_LINES, lines

TIMEOUT = 2


class Pipe:
    """A pipe in place of standard input."""

    def __init__(self) -> None:
        self.readable, self._writable = os.pipe()
        self._is_open = True

    def write(self, data: bytes) -> None:
        assert os.write(self._writable, data) == len(data)

    def end(self) -> None:
        if self._is_open:
            os.close(self._writable)
            self._is_open = False


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    result = Pipe()
    yield result
    result.end()
    wait_for_reader()
    os.close(result.readable)


def wait_for_reader() -> None:
    for thread in threading.enumerate():
        if thread.name == "standard input":
            thread.join(TIMEOUT)
            assert not thread.is_alive()
    gc.collect()  # a coroutine that was never awaited warns when it is freed


async def take(descriptor: int, count: int) -> list[str]:
    received = []
    async for line in lines(descriptor):
        received.append(line)
        if len(received) == count:
            break
    return received


def test_lines_have_their_ends_and_the_last_one_may_lack_it(pipe: Pipe) -> None:
    pipe.write(b"one\n\nthr\xc3\xa9e\xff\nlast")
    pipe.end()
    assert asyncio.run(take(pipe.readable, 9)) == ["one\n", "\n", "thrée\ufffd\n", "last"]


def test_all_lines_come_in_order_when_there_are_more_than_the_buffer_has(pipe: Pipe) -> None:
    count = 3 * BUFFERED_LINES + 1
    pipe.write(b"".join(b"%d\n" % number for number in range(count)))
    pipe.end()
    assert asyncio.run(take(pipe.readable, count)) == [f"{number}\n" for number in range(count)]


@pytest.mark.parametrize("taken", [1, 2 * BUFFERED_LINES])
@pytest.mark.parametrize("run", range(20))
def test_reader_ends_with_a_command_that_leaves_lines_unread(pipe: Pipe, taken: int, run: int) -> None:
    pipe.write(b"x\n" * (4 * BUFFERED_LINES))
    assert asyncio.run(take(pipe.readable, taken)) == ["x\n"] * taken
    pipe.end()
    wait_for_reader()


def test_reader_ends_with_a_command_that_takes_the_only_line(pipe: Pipe) -> None:
    pipe.write(b"token")
    pipe.end()

    async def login() -> str:
        return await anext(lines(pipe.readable), "")  # the iterator is left open, as in the command

    assert asyncio.run(login()) == "token"
    wait_for_reader()


def test_line_that_comes_after_the_command_is_dropped(pipe: Pipe) -> None:
    pipe.write(b"one\n")
    assert asyncio.run(take(pipe.readable, 1)) == ["one\n"]
    pipe.write(b"two\n")
    pipe.end()
    wait_for_reader()


def test_error_of_the_descriptor_is_raised(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            asyncio.run(take(directory, 1))
        wait_for_reader()
    finally:
        os.close(directory)
