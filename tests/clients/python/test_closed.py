"""Every public method of a client that is closed, or that is being closed: one error, no request, task or timer.

A new method without a row in the tables fails a test.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serverless_chat import (
    Acting,
    Bot,
    Chat,
    ChatClosedError,
    ConversationList,
    Room,
    Service,
    SqliteStorage,
    blocking,
)
from serverless_chat.api import Api
from serverless_chat.changes import Changes

from tests.clients.python.fake_server import Server, until
from tests.clients.python.listed import entry
from tests.clients.python.test_blocking_surface import EXCEPTIONS

LONGEST = 20.0
Arguments = tuple[Any, ...]
WAITING: dict[str, Arguments] = {
    "Acting.conversations": (),
    "Acting.create": ("title",),
    "Acting.direct": ("bob",),
    "Acting.send": ("conv_a", "text"),
    "Acting.ticket": (),
    "Api.create_once": ("/conversations", {}),
    "Api.get": ("/me",),
    "Api.repeat": ("GET", "/me"),
    "Api.request": ("GET", "/me"),
    "Changes.until": (lambda _: False,),
    "Chat.connected": (),
    "Chat.create": ("title",),
    "Chat.direct": ("bob",),
    "Chat.history": ("conv_a",),
    "Chat.join": ("conv_b",),
    "Chat.leave": ("conv_b",),
    "Chat.open": ("conv_b",),
    "ConversationList.load": (),
    "ConversationList.load_more": (),
    "Room.send": ("text",),
    "Service.close_report": ("conv_a", "report"),
    "Service.conversations": (),
    "Service.create": ("title", []),
    "Service.erase": ("bob",),
    "Service.erasure": ("bob",),
    "Service.events": ("conv_a",),
    "Service.export": ("bob",),
    "Service.participant": ("bob",),
    "Service.register_agent": ("bob",),
    "Service.reports": ("conv_a",),
    "Service.send_system_message": ("conv_a", "text", "key"),
    "Service.suspend": ("bob",),
}
"""Calls that wait for the server: they raise ChatClosedError."""
KEYWORDS = {"Service.send_system_message": ("client_message_id",)}
"""The names of the last arguments."""
OTHERS: dict[str, Arguments] = {
    "Changes.on": (print,),
    "Chat.close": (),
    "Chat.close_room": ("conv_a",),
    "Chat.on_error": (print,),
    "Chat.online": (),
    "Chat.opened": ("conv_a",),
    "Chat.room": ("conv_b",),
    "ConversationList.on_invited": (print,),
    "ConversationList.refresh_soon": (),
    "Room.close": (),
    "Room.delete": (1,),
    "Room.discard": ("key",),
    "Room.edit": (1, "new"),
    "Room.events": (),
    "Room.older": (),
    "Room.queue": ("text",),
    "Room.react": (1, "👍"),
    "Room.read": (),
    "Room.retry": ("key",),
    "Room.save_position": (1,),
    "Room.stop_typing": (),
    "Room.typing": (),
    "Room.unreact": (1, "👍"),
    "Service.acting_for": ("alice",),
    "Service.close": (),
}
"""Others end at once without an error: a queued message stays in the storage."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop that knows its timers."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[asyncio.TimerHandle] = []

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self.timers.append(timer)
        return timer


class Client:
    """A chat with an open room and a list, and a service, whose server answers as the test says."""

    def __init__(self, storage: SqliteStorage | None = None) -> None:
        self.server = server = Server()
        self.asked = 0
        self.is_silent = False
        answer, server.answer = server.answer, self._answer
        self._answer_of_server = answer
        server.page = {"conversations": [entry(1)], "next_cursor": "next"}
        self.chat = server.chat(storage)
        options: Any = {"transport": httpx.MockTransport(self._answer)}
        self.service = Service("http://server", lambda: "t", **options)
        self.objects: dict[str, Any] = {}

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.is_silent:
            await asyncio.Event().wait()
        return await self._answer_of_server(request)

    async def open(self) -> None:
        chat = await self.chat.__aenter__()
        await chat.connected()
        room = await chat.open("conv_a")
        await chat.conversations.load()
        bob = {"participant_id": "bob", "name": "Bob"}
        typing = {"type": "typing", "conversation_id": "conv_a", "participant": bob, "is_typing": True}
        self.server.socket.push(typing)  # ends by a timer
        await until(lambda: room.typists != [])
        acting = self.service.acting_for("alice")
        found = [acting, acting.api, chat.changes, chat, chat.conversations, room, self.service]
        self.objects = {type(found_object).__name__: found_object for found_object in found}
        self.objects["Api of the chat"] = chat.api

    def silence(self) -> None:
        """Answer nothing from here on."""
        self.is_silent = True
        self.server.socket._answers = lambda _: ()

    async def close(self) -> None:
        await self.chat.close()
        await self.service.close()

    async def call(self, name: str) -> Any:
        """Call a method, and wait for its result or its first value."""
        kind, method = name.split(".")
        arguments = (WAITING | OTHERS)[name]
        keywords = dict(zip(KEYWORDS.get(name, ()), arguments[::-1], strict=False))
        result = getattr(self.objects[kind], method)(*arguments[: len(arguments) - len(keywords)], **keywords)
        if isinstance(result, AsyncIterator):
            return [value async for value in result]
        return await result if inspect.isawaitable(result) else result


def run(steps: Callable[[], Any]) -> list[asyncio.TimerHandle]:
    """Run steps; return the timers that are not ended."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Loop)

        async def limited() -> list[asyncio.TimerHandle]:
            task = asyncio.current_task()
            await asyncio.wait_for(steps(), LONGEST)
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {task}
            return [timer for timer in loop.timers if not timer.cancelled() and timer.when() > loop.time()]

        return runner.run(limited())


def public_methods() -> Iterator[str]:
    for kind in (Acting, Api, Changes, Chat, ConversationList, Room, Service):
        for name, value in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and f"{kind.__name__}.{name}" not in EXCEPTIONS:
                yield f"{kind.__name__}.{value.__name__}"


def test_every_public_method_has_a_row() -> None:
    assert set(public_methods()) == {*WAITING, *OTHERS}


@pytest.mark.parametrize("name", WAITING)
def test_call_that_waits_raises_the_documented_error_after_the_close(name: str) -> None:
    async def steps() -> None:
        client = Client()
        await client.open()
        await client.close()
        before = client.asked
        with pytest.raises(ChatClosedError):
            await client.call(name)
        assert client.asked == before

    assert run(steps) == []


@pytest.mark.parametrize("name", WAITING)
def test_call_that_waits_ends_with_the_close(name: str) -> None:
    async def steps() -> None:
        client = Client()
        await client.open()
        client.silence()
        if name == "Chat.connected":
            client.server.socket.push({"type": "disconnect", "reconnect": True})
            await client.chat.changes.until(lambda status: status != "open")
        before, received = client.asked, len(client.server.received)
        call = asyncio.ensure_future(client.call(name))
        if name not in {"Changes.until", "Chat.connected"}:
            await until(lambda: client.asked > before or len(client.server.received) > received)
        await client.close()
        with pytest.raises(ChatClosedError):
            await call

    assert run(steps) == []


@pytest.mark.parametrize("name", [*WAITING, *OTHERS])
def test_call_while_the_client_is_being_closed_leaves_nothing_behind(name: str) -> None:
    async def steps() -> None:
        client = Client()
        await client.open()
        client.silence()
        closing, closed = asyncio.Event(), asyncio.Event()

        async def close() -> None:
            closing.set()
            await closed.wait()

        client.server.socket.close = close  # type: ignore[method-assign]
        ending = asyncio.ensure_future(client.close())
        await closing.wait()
        call = asyncio.ensure_future(client.call(name))
        await asyncio.sleep(0)
        closed.set()
        await ending
        if name in WAITING:
            with pytest.raises(ChatClosedError):
                await call
        else:
            await call

    assert run(steps) == []


@pytest.mark.parametrize("name", OTHERS)
def test_other_call_after_the_close_has_no_error_request_task_or_timer(name: str, tmp_path: Path) -> None:
    """The storage is closed, too, as after the end of a `with` block: it refuses what the call queues."""

    async def steps() -> None:
        storage = SqliteStorage(tmp_path / "outbox", "http://server", "alice")
        client = Client(storage)
        await client.open()
        await client.close()
        storage.close()
        with pytest.raises(sqlite3.ProgrammingError):
            storage.load()
        before = client.asked
        await client.call(name)
        assert client.asked == before

    assert run(steps) == []


def test_close_that_is_given_up_leaves_nothing_behind() -> None:
    """It is cancelled while a request of the list ends."""

    async def steps() -> None:
        former = asyncio.all_tasks()
        client = Client()
        await client.open()
        client.silence()
        loading = asyncio.ensure_future(client.chat.conversations.load())
        before = client.asked
        await until(lambda: client.asked > before)
        closing = asyncio.ensure_future(client.chat.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ChatClosedError):
            await loading
        await client.service.close()
        await until(lambda: asyncio.all_tasks() <= former)

    assert run(steps) == []


def test_close_at_any_step_of_a_request_ends_it() -> None:
    """A coroutine of a library that was never awaited, and an exception that nothing retrieves, fail the test."""

    async def steps() -> None:
        for count in range(40):
            chat = Chat("http://127.0.0.1:9", "ws://127.0.0.1:9", lambda: "t")
            async with chat:
                calls = [asyncio.ensure_future(call) for call in (chat.api.get("/me"), chat.conversations.load())]
                for _ in range(count):
                    await asyncio.sleep(0)
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(error) for error in ends] == [ChatClosedError, ChatClosedError]

    assert run(steps) == []


def test_iterations_and_programs_of_a_closed_chat_end() -> None:
    async def steps() -> None:
        client = Client()
        await client.open()
        await client.close()
        for values in (client.chat.changes, client.chat.conversations, client.objects["Room"].changes):
            assert [value async for value in values] == []
        with pytest.raises(ChatClosedError):
            await client.chat.__aenter__()

        async def answer(*_: object) -> None:
            return None

        with pytest.raises(ChatClosedError):
            await Bot(client.chat, answer).run()

    assert run(steps) == []


@pytest.mark.parametrize("ending", ["chat", "room"])
def test_state_of_a_closed_client_can_be_read(ending: str) -> None:
    async def steps() -> None:
        client = Client()
        await client.open()
        room = client.objects["Room"]
        if ending == "room":
            room.close()
        else:
            await client.close()
        found = {
            f"{name}.{attribute}": getattr(instance, attribute)
            for name, instance in client.objects.items()
            for attribute in dir(type(instance))
            if isinstance(getattr(type(instance), attribute), property)
        }
        assert found["Chat.participant"]["participant_id"] == "alice"
        if ending == "room":
            shown = (
                room.messages,
                room.participants,
                room.typists,
                room.read_up_to,
                room.unread_count,
                room.position,
            )
            assert shown == ([], [], [], 0, 0, 0)
            room.read()
            assert not await room.older()
            await client.close()

    assert run(steps) == []


def blocking_client() -> dict[str, Any]:
    server = Server()
    options: Any = {"transport": httpx.MockTransport(server.answer), "open_socket": server.connect}
    chat = blocking.Chat("http://server", "ws://server", lambda: "t", **options)
    service = blocking.Service("http://server", lambda: "t", transport=httpx.MockTransport(server.answer))
    chat.__enter__()
    room = chat.room("conv_a")
    acting = service.acting_for("alice")
    found = [acting, acting.api, chat.changes, chat, chat.conversations, room, service]
    return {type(value).__name__: value for value in found}


SILENT = {"Chat.close", "Service.acting_for", "Service.close", "Room.events"}
"""Of the blocking client: they call nothing, or end as an iteration does. All others raise ChatClosedError."""


def test_every_call_of_the_blocking_client_raises_the_documented_error_after_the_close() -> None:
    client = blocking_client()
    client["Chat"].close()
    client["Service"].close()
    for name, arguments in (WAITING | OTHERS).items():
        kind, method = name.split(".")
        keywords = dict(zip(KEYWORDS.get(name, ()), arguments[::-1], strict=False))
        given = arguments[: len(arguments) - len(keywords)]
        call = getattr(client[kind], method)
        if name in SILENT:
            result = call(*given, **keywords)
            assert name != "Room.events" or list(result) == []
            continue
        with pytest.raises(ChatClosedError):
            call(*given, **keywords)
    for iteration in (client["Changes"], client["ConversationList"], client["Room"].changes):
        assert list(iteration) == []
    with pytest.raises(ChatClosedError):
        client["Chat"].__enter__()
