"""The environment of the Python client under test: an event loop of virtual time, sockets, HTTP and storage."""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
from collections.abc import AsyncIterator, Callable

import httpx
from serverless_chat.core.outputs import JsonObject
from serverless_chat.storage import MemoryStorage
from websockets.exceptions import ConnectionClosedError


def write(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"type": kind, **fields}, separators=(",", ":")) + "\n")


class Selector(selectors.SelectSelector):
    """Hands over a line of the runner instead of waiting: the loop is idle, and tells when its next timer ends."""

    def __init__(self, receive: Callable[[float | None], None]) -> None:
        super().__init__()
        self._receive = receive

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return at once: no file is ever waited for."""
        if timeout is None or timeout > 0:
            self._receive(timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved by the runner."""

    def __init__(self, receive: Callable[[float | None], None]) -> None:
        self.seconds = 0.0
        super().__init__(Selector(receive))

    def time(self) -> float:
        """Return the monotonic time in seconds."""
        return self.seconds


class Storage(MemoryStorage):
    """Hands each change to the runner, and fails while it is full."""

    is_full = False

    def save(self, key: str, value: JsonObject) -> None:
        self._change("save", key=key, value=value)
        super().save(key, value)

    def forget(self, key: str) -> None:
        self._change("forget", key=key)
        super().forget(key)

    def _change(self, kind: str, **fields: object) -> None:
        if self.is_full:
            raise OSError("no space left")
        write(kind, **fields)


class Socket:
    """A WebSocket whose other end is the runner."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frames: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self.is_closed = False

    async def send(self, text: str) -> None:
        if not self.is_closed:
            write("frame", socket=self.number, frame=json.loads(text))

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            write("disconnect", socket=self.number)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (frame := await self.frames.get()) is not None:
            yield json.dumps(frame)
        self.is_closed = True
        raise ConnectionClosedError(None, None)


class Transport(httpx.AsyncBaseTransport):
    """HTTP whose other end is the runner."""

    def __init__(self) -> None:
        self.requests: dict[int, asyncio.Future[JsonObject]] = {}
        self._count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._count += 1
        answer = self.requests[self._count] = asyncio.get_running_loop().create_future()
        body = json.loads(await request.aread() or "null")
        token = request.headers["authorization"].removeprefix("Bearer ")
        path = request.url.raw_path.decode()
        write("request", request=self._count, method=request.method, path=path, body=body, token=token)
        response = await answer
        if not response["status"]:
            raise httpx.ConnectError("no answer")
        headers = {"chat-history-id": response["history_id"]}
        return httpx.Response(response["status"], json=response["body"], headers=headers)
