"""Connects the core with the network, the clock and the storage."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from .api import Api, Token, fetch_token, handshake
from .changes import log
from .core.client import Client
from .core.frames import decode, encode, ending
from .core.outputs import (
    CloseSocket,
    Credential,
    Forget,
    JsonObject,
    OpenSocket,
    Output,
    PostBatch,
    RequestToken,
    Resolved,
    Save,
    SendFrame,
)
from .durable import DurableStorage
from .storage import Storage

MAX_SLEEP = 15.0
"""The longest timer in seconds: a device that slept finds its timers ended soon after it woke up."""
FIRST_START = "first_start"
REFUSED = "the server refused the connection"
REPEAT_DELAY = 1.0
"""After how many seconds what the storage has refused is repeated."""
SOCKET_OPTIONS = {"open_timeout": 10.0, "close_timeout": 2.0, "ping_interval": None, "max_size": None}
Clock = Callable[[], float]
Connect = Callable[..., Awaitable[Any]]
"""Opens a WebSocket as `websockets.connect` does."""


class Link:
    """Carries out the outputs of the core in their order, in one event loop."""

    def __init__(
        self,
        ws_url: str,
        api: Api,
        token: Token,
        storage: Storage,
        notify: Callable[[Output], None],
        clock: Clock = time.time,
        open_socket: Connect = connect,
    ) -> None:
        self.core = Client(storage.load(), random.random)
        self.error: str | None = None
        """Why the last attempt to connect failed."""
        self._ws_url, self._api, self._token, self._notify, self._clock = ws_url, api, token, notify, clock
        self._storage, self._open_socket = storage, open_socket
        self._durable = DurableStorage(storage)
        self._sockets: dict[int, asyncio.Task[None]] = {}
        self._frames: asyncio.Queue[JsonObject] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_pumping = self._is_stopped = False
        self._held: list[Resolved] = []
        """Notifications of messages that the storage still has: a restart would send them again."""
        self._repeat_due: float | None = None

    @property
    def storage_error(self) -> Exception | None:
        """Why the storage fails; messages wait meanwhile."""
        return self._durable.error

    @property
    def now(self) -> float:
        """The wall-clock time in seconds."""
        return self._clock()

    def first_start(self, now: str) -> str:
        """Return the time at which this was called first with this storage."""
        stored = self._storage.load().get(FIRST_START)
        if stored is None:
            self._storage.save(FIRST_START, stored := {"at": now})
        return str(stored["at"])

    def start(self) -> None:
        """Connect, and stay connected."""
        self.core.start(self.now)
        self.pump()

    def online(self) -> None:
        """Repeat all that failed: first the changes of the storage, without which no message is sent."""
        self._durable.repeat()
        self.core.online(self.now)
        self.pump()

    def stop(self) -> set[asyncio.Task[Any]]:
        """Close the connection, and cancel all tasks; return them."""
        self._is_stopped = True
        self._durable.repeat()
        self.core.stop(self.now)
        self.pump()
        tasks = {*self._tasks, *self._sockets.values()}
        for task in tasks:
            task.cancel()
        return tasks

    def pump(self) -> None:
        """Carry out all outputs. A handler that calls the client adds outputs, which follow in their order."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while True:
                for output in self.core.outputs():
                    self._carry_out(output)
                if not self._held or self._durable.is_forgetting:
                    break
                self._notify(self._held.pop(0))
        finally:
            self._is_pumping = False
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        delay = None if self._is_stopped else self.core.next_timer(self.now)
        delays = [] if delay is None else [delay]
        if self._durable.error is None or self._is_stopped:
            self._repeat_due = None
        else:  # other inputs do not put it off
            self._repeat_due = self._repeat_due or loop.time() + REPEAT_DELAY
            delays.append(max(0.0, self._repeat_due - loop.time()))
        self._timer = loop.call_later(min(MAX_SLEEP, *delays), self._advance) if delays else None

    def _advance(self) -> None:
        self._repeat_due = None
        self._durable.repeat()
        self.core.advance(self.now)
        self.pump()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Save() | Forget():
                self._durable.carry_out(output)
            case SendFrame(frame):
                if self._durable.may_send(frame):
                    self._frames.put_nowait(frame)
            case PostBatch():
                if self._durable.may_send({"type": "batch"}):
                    self._begin(self._post(output))
            case RequestToken():
                self._begin(self._fetch_token())
            case OpenSocket(socket, token):
                self._frames = asyncio.Queue()
                self._sockets[socket] = asyncio.get_running_loop().create_task(self._connect(socket, token))
            case CloseSocket(socket):
                if (task := self._sockets.pop(socket, None)) is not None:
                    self._keep(task)
                    task.cancel()
            case Resolved() if self._durable.is_forgetting:
                self._held.append(output)
            case _:
                self._notify(output)

    def _begin(self, work: Any) -> None:
        self._keep(asyncio.get_running_loop().create_task(work))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch_token(self) -> None:
        try:
            token = await fetch_token(self._token)
        except Exception as error:  # noqa: BLE001 -- the callback may raise whatever it likes
            self._fail(f"the token callback failed: {type(error).__name__}")
            self.core.token_failed(self.now)
        else:
            self.core.token_received(token, self.now)
        self.pump()

    async def _post(self, post: PostBatch) -> None:
        try:
            body = await self._api.post_batch(post.commands)
        except Exception as error:  # noqa: BLE001 -- of the token callback
            self._fail(f"the token callback failed: {type(error).__name__}")
            body = None
        self.core.batch_posted(post.request_id, body, self.now)
        self.pump()

    async def _connect(self, socket: int, token: Credential) -> None:
        url, headers = handshake(self._ws_url, token)
        retry_after = 0.0
        try:
            connection = await self._open_socket(url, additional_headers=headers, **SOCKET_OPTIONS)
        except InvalidStatus as error:
            self._fail(f"{REFUSED}: HTTP_{error.response.status_code}")
            self.core.socket_refused(socket, self.now)
            code, retry_after = await self._api.probe(token)
            if code is not None:
                self._fail(f"{REFUSED}: {code}")
        except Exception as error:  # noqa: BLE001 -- there are proxies, resolvers and sockets of the caller
            self._fail(f"no connection: {type(error).__name__}")
        else:
            self.error = None
            await self._serve(socket, connection)
        self._sockets.pop(socket, None)
        self.core.socket_closed(socket, self.now, retry_after)
        self.pump()

    async def _serve(self, socket: int, connection: ClientConnection) -> None:
        writer = asyncio.get_running_loop().create_task(self._write(connection))
        try:
            self.core.socket_opened(socket, self.now)
            self.pump()
            async for text in connection:
                self._receive(socket, text)
        except WebSocketException as error:
            self._fail(f"the connection ended: {type(error).__name__}")
        finally:
            writer.cancel()
            await connection.close()

    def _receive(self, socket: int, text: str | bytes) -> None:
        frame = decode(text)
        if (reason := ending(frame)) is not None:
            self._fail(reason)
        if reason is not None and frame["type"] == "welcome":
            self.core.stop(self.now)
        else:
            self.core.receive(socket, frame, self.now)
        self.pump()

    async def _write(self, connection: ClientConnection) -> None:
        frames = self._frames
        with suppress(WebSocketException):  # the reader reports it
            while True:
                await connection.send(encode(await frames.get()))

    def _fail(self, reason: str) -> None:
        self.error = reason
        log.info("%s", reason)
