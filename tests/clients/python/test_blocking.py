"""The threads of the blocking client: calls beside `close`, iterations that time out, and handlers."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from serverless_chat import ChatClosedError
from serverless_chat.blocking import Chat, Service
from serverless_chat.blocking.loop_thread import LoopThread

from tests.clients.python import fake_server

CALLERS = 40
LIMIT = 30.0
"""After how many seconds a thread that has not ended hangs."""


def chat() -> Chat:
    server = fake_server.Server()
    options: dict[str, Any] = {"transport": httpx.MockTransport(server.answer), "open_socket": server.connect}
    return Chat("http://server", "ws://server", lambda: "t", **options)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("serverless_chat")}


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def join(*started: threading.Thread) -> None:
    end = time.monotonic() + LIMIT
    for thread in started:
        thread.join(max(0.0, end - time.monotonic()))
    assert [thread for thread in started if thread.is_alive()] == []


def test_calls_of_other_threads_end_when_the_chat_is_closed() -> None:
    closed = chat()
    room = closed.room("conv_a")
    begun = threading.Barrier(CALLERS + 1)
    refused: list[str] = []

    def call() -> None:
        begun.wait()
        try:
            while True:
                assert room.messages == []
        except ChatClosedError as error:
            refused.append(str(error))

    callers = [start(call) for _ in range(CALLERS)]
    begun.wait()
    closed.close()
    join(*callers)
    assert refused == ["the chat is closed"] * CALLERS


def test_calls_are_refused_from_the_beginning_of_the_close_on() -> None:
    loop = LoopThread()
    closing, refused = threading.Event(), asyncio.Event()

    async def last() -> None:
        closing.set()
        await refused.wait()

    waiting: list[type[BaseException]] = []

    def wait() -> None:
        try:
            loop.run(asyncio.Event().wait())
        except ChatClosedError as error:
            waiting.append(type(error))

    waiter, closer = start(wait), start(lambda: loop.stop(last))
    assert closing.wait(LIMIT)
    with pytest.raises(ChatClosedError):
        loop.call(lambda: None)
    loop.call_soon(refused.set)
    join(waiter, closer)
    assert waiting == [ChatClosedError]


def test_chat_that_several_threads_close_is_closed_when_each_returns() -> None:
    before, closed = threads(), chat()
    own, begun, left = threads() - before, threading.Barrier(CALLERS), list[threading.Thread]()

    def close() -> None:
        begun.wait()
        closed.close()
        left.extend(own & threads())

    join(*(start(close) for _ in range(CALLERS)))
    assert left == []


def test_work_that_the_close_has_begun_is_ended() -> None:
    """A task that a callback begins while the loop ends must not be left pending."""
    loop, ended = LoopThread(), threading.Event()

    async def begin() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def last() -> None:
        loop.call_soon(lambda: tasks.append(asyncio.get_running_loop().create_task(begin())))

    tasks: list[asyncio.Task[None]] = []
    loop.stop(last)
    assert [task.cancelled() for task in tasks] == [True]


def test_iteration_that_times_out_is_ended_after_its_step(caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()  # reports the garbage of other tests before
    caplog.clear()
    loop, ended = LoopThread(), threading.Event()

    async def values() -> AsyncIterator[int]:
        try:
            yield 1
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(10):
                    await asyncio.sleep(0)  # a cancellation can take several steps
        finally:
            ended.set()

    limits = iter([None, 0.0])
    iteration = loop.iterate(values, lambda: next(limits))
    assert next(iteration) == 1
    with pytest.raises(TimeoutError):
        next(iteration)
    assert ended.wait(LIMIT)
    loop.stop()
    gc.collect()  # reports the errors of tasks that nothing has retrieved
    assert caplog.records == []


def test_no_handler_is_called_once_the_chat_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    loop, begun, closed = LoopThread(), threading.Event(), threading.Event()
    called: list[int] = []
    emit: list[Callable[[int], object]] = []

    def handle(value: int) -> None:
        called.append(value)
        begun.set()
        closed.wait(LIMIT)
        loop.call(lambda: None)  # raises ChatClosedError, which is no defect of the handler

    def on(forward: Callable[[int], object]) -> Callable[[], None]:
        emit.append(forward)
        return lambda: None

    before = threads()
    loop.observe(on, handle)
    [handlers] = threads() - before
    for value in range(3):
        loop.call(emit[0], value)
    assert begun.wait(LIMIT)
    loop.stop()
    closed.set()
    join(handlers)
    assert called == [0]
    assert caplog.records == []


def test_token_callback_that_waits_for_its_own_chat_fails() -> None:
    """It runs in the thread that would answer: both would wait for ever."""

    def token() -> str:
        return str(waiting.api.get("/me"))

    waiting = Chat("http://127.0.0.1:9", "ws://127.0.0.1:9", token)
    with waiting:
        waiting.changes.until(lambda status: status == "waiting", timeout=LIMIT)
        assert waiting.error == "the token callback failed: RuntimeError"


def test_token_callback_that_ends_its_thread_closes_the_chat(caplog: pytest.LogCaptureFixture) -> None:
    """Python ends the program by SystemExit in its first thread only; here all calls would wait for ever."""
    ended, before = Chat("http://127.0.0.1:9", "ws://127.0.0.1:9", lambda: sys.exit("not logged in")), threads()
    outcomes: list[type[BaseException]] = []

    def call() -> None:
        for work in (lambda: ended.api.get("/me"), ended.connected, ended.online, ended.__enter__):
            try:
                work()
            except ChatClosedError as error:
                outcomes.append(type(error))
        ended.close()

    join(start(call), *before)
    assert outcomes == [ChatClosedError] * 4
    gc.collect()  # reports the errors of tasks that nothing has retrieved
    assert caplog.messages == ["the chat is closed"]


def test_handler_that_ends_its_thread_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    called = threading.Event()
    ending, before = chat(), threads()
    ending.changes.on(lambda _: sys.exit("the script"))
    ending.changes.on(lambda _: called.set())
    [handlers] = threads() - before
    with ending:
        assert called.wait(LIMIT)
    join(handlers)
    assert "a handler failed" in caplog.messages


def test_handler_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    called = threading.Event()

    def fail(status: str) -> None:
        if called.is_set():
            return
        called.set()
        raise RuntimeError(f"a defect of the script: {status}")

    failing, before = chat(), threads()
    failing.changes.on(fail)
    [handlers] = threads() - before
    with caplog.at_level(logging.ERROR), failing:
        assert called.wait(LIMIT)
    join(handlers)
    assert [record.message for record in caplog.records] == ["a handler failed"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Chat("http://server", "ws://server", lambda: "t", no_such_option=1),
        lambda: Service("http://server:port", lambda: "t"),
    ],
)
def test_thread_ends_if_the_client_cannot_be_made(make: Callable[[], object]) -> None:
    before = threads()
    with pytest.raises((TypeError, httpx.InvalidURL)):
        make()
    assert threads() - before == set()
