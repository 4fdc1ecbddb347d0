"""A server for one chat in the process of the test, whose answers the test chooses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

import httpx
from serverless_chat import Chat, Storage
from serverless_chat.core.outputs import JsonObject

from tests.clients.python.drive import HISTORY, NOW, WELCOME, event

Answers = Callable[[JsonObject], Iterable[JsonObject]]


class Socket:
    """A socket whose server greets; `push` sends a frame to the client."""

    def __init__(self, answers: Answers, greeting: JsonObject, received: list[JsonObject]) -> None:
        self._answers, self._greeting, self._received = answers, greeting, received
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()

    def push(self, frame: JsonObject) -> None:
        self._frames.put_nowait(json.dumps(frame))

    async def send(self, text: str) -> None:
        sent = json.loads(text)
        self._received.append(sent)
        if sent["type"] == "hello":
            self.push(WELCOME | {"id": sent["id"], "feed": sent.get("feed", False)} | self._greeting)
        for frame in self._answers(sent):
            self.push(frame)

    async def close(self) -> None:
        self._frames.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self._frames.get()) is not None:
            yield text


class Server:
    """Answers requests for the list as the test says."""

    def __init__(self) -> None:
        self.page: JsonObject = {"conversations": []}
        self.history_id = HISTORY
        self.status = 200
        self.requests = 0
        self.first = 1
        """The first event in the page of a conversation that is opened; the last one is 2."""
        self.answers: Answers = self._subscribed
        """Answers to frames of the client, besides the one to `hello`."""
        self.greeting: JsonObject = {}
        """Fields of `welcome`."""
        self.received: list[JsonObject] = []
        """All frames of the client."""
        self.socket = Socket(self.answers, self.greeting, self.received)
        self.answering = asyncio.Event()
        self.answering.set()
        self.answer: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]] = self._answer
        """Answers requests by HTTP."""

    def _subscribed(self, sent: JsonObject) -> Iterable[JsonObject]:
        if sent["type"] == "subscribe":
            about = {"type": "subscribed", "id": sent["id"], "conversation_id": sent["conversation_id"]}
            events = [event(number) for number in range(self.first, 3)]
            page = {"head": 2, "has_more": False, "events": events, "participants": []}
            yield {**about, **page, "history_id": self.history_id, "read_up_to": 2, "unread_count": 0}

    async def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.requests += 1
        status, page, headers = self.status, self.page, {"chat-history-id": self.history_id}
        await self.answering.wait()
        return httpx.Response(status, json=page, headers=headers)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        return await self.answer(request)

    async def connect(self, *_arguments: object, **_options: object) -> Socket:
        self.socket = Socket(self.answers, self.greeting, self.received)
        return self.socket

    def chat(self, storage: Storage | None = None) -> Chat:
        options: Any = {"transport": httpx.MockTransport(self._handle), "open_socket": self.connect}
        return Chat("http://server", "ws://server", lambda: "t", storage=storage, clock=lambda: NOW, **options)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- the test limits the time
        await asyncio.sleep(0)
