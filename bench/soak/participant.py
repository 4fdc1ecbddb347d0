"""A participant of a soak run: one connection that follows the protocol's rules for clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

ANSWER_TIMEOUT = 10.0
Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command that was acknowledged, with the times (monotonic) of its first attempt and its acknowledgement."""

    sender: str
    key: str
    """The client_message_id, or empty for an update."""
    sequence_id: int
    sent_at: float
    acked_at: float


@dataclass(slots=True)
class View:
    """A participant's copy of the log, as far as it is complete: a checksum per event."""

    checksums: list[int] = field(default_factory=list)
    """Of the events 1, 2, 3 … in order."""
    ahead: dict[int, Frame] = field(default_factory=dict)
    """Events after a gap."""
    contradictions: int = 0
    """Events that arrived twice with different contents."""
    repeats: int = 0

    def add(self, event: Frame) -> None:
        """Apply an event in order, or hold it back."""
        number: int = event["sequence_id"]
        if number <= len(self.checksums):
            self.repeats += 1
            self.contradictions += self.checksums[number - 1] != checksum(event)
            return
        self.ahead[number] = event
        while (following := self.ahead.pop(len(self.checksums) + 1, None)) is not None:
            self.checksums.append(checksum(following))


def checksum(event: Mapping[str, Any]) -> int:
    """Return a checksum of an event."""
    return zlib.crc32(json.dumps(event, sort_keys=True).encode())


class Disconnected(Exception):
    """The connection ended, or an answer did not come in time."""


class Participant:
    """One participant of one conversation."""

    def __init__(
        self, session: aiohttp.ClientSession, ws_url: str, name: str, token: str, conversation_id: str
    ) -> None:
        self.name = name
        self.headers = {"Authorization": f"Bearer {token}"}
        self.conversation_id = conversation_id
        self.view = View()
        self.acked: list[Acknowledged] = []
        self.connects = 0
        self.retries = 0
        self._session = session
        self._ws_url = ws_url
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._reads = asyncio.Event()
        self._reads.set()
        self._pending: dict[str, asyncio.Future[Frame]] = {}
        self._numbers = 0
        self._connecting = asyncio.Lock()

    async def ensure_connected(self) -> None:
        """Connect and subscribe, with the protocol's backoff, unless connected."""
        async with self._connecting:
            attempt = 0
            while self._reader is None or self._reader.done():
                try:
                    await self._connect()
                    return
                except (aiohttp.ClientError, OSError, Disconnected, TimeoutError):
                    self.abort()
                    await asyncio.sleep(random.uniform(0.2, min(1.0 * 2**attempt, 30.0)))
                    attempt += 1

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._socket is not None:
            connection = self._socket._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        if self._reader is not None:
            self._forget(self._reader)
        self._reads.set()

    async def rotate(self) -> None:
        """Close the connection properly and open another one, as before the limit of two hours."""
        socket, reader = self._socket, self._reader
        if socket is not None and reader is not None:
            self._forget(reader)
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await socket.close()
        await self.ensure_connected()

    async def send_message(self, content: str) -> int | None:
        """Send a message until it is acknowledged; return its sequence id, or None at the end of the run."""
        self._numbers += 1
        key = f"{self.name}:{self._numbers}"
        return await self._execute({"type": "message", "client_message_id": key, "content": content}, key)

    async def update(self, command: str, target: int, **fields: Any) -> int | None:
        """Edit, react or unreact until it is acknowledged."""
        return await self._execute({"type": command, "target": target, **fields}, "")

    async def synchronize(self) -> None:
        """Fetch missing events until the view is complete."""
        while True:
            await self.ensure_connected()
            try:
                after = len(self.view.checksums)
                answer = await self._request({"type": "sync", "after": after})
            except Disconnected:
                continue
            if answer["type"] == "sync":
                self._apply(answer)
                if not answer["has_more"] and len(self.view.checksums) >= answer["head"]:
                    return
            else:
                await _wait_after(answer)

    async def stall(self, commands: int) -> None:
        """Stop reading, and request so many large answers that all buffers on the way fill up; then disconnect."""
        await self.ensure_connected()
        self._reads.clear()
        socket = self._socket
        sync = {"type": "sync", "conversation_id": self.conversation_id, "after": 0}
        for _ in range(commands):
            if socket is None or socket.closed:
                break
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await socket.send_json(sync)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        self.abort()
        await self.ensure_connected()

    async def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._forget(self._reader)

    # ---- internals -------------------------------------------------------------------------------------

    def _forget(self, reader: asyncio.Task[None]) -> None:
        """Give a connection up, unless it has been replaced meanwhile."""
        reader.cancel()
        if self._reader is reader:
            self._reader = self._socket = None

    async def _connect(self) -> None:
        self._socket = await asyncio.wait_for(
            self._session.ws_connect(self._ws_url, headers=self.headers, max_msg_size=0), ANSWER_TIMEOUT
        )
        self.connects += 1
        self._reads.set()
        self._reader = asyncio.create_task(self._read(self._socket))
        answer = await self._request({"type": "subscribe", "after": len(self.view.checksums)})
        if answer["type"] != "subscribed":
            raise Disconnected
        self._apply(answer)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            while True:
                await self._reads.wait()
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                frame: Frame = json.loads(message.data)
                if frame.get("type") == "events":
                    self._apply(frame)
                elif (waiting := self._pending.pop(frame.get("id", ""), None)) is not None and not waiting.done():
                    waiting.set_result(frame)

    def _apply(self, answer: Frame) -> None:
        for event in answer["events"]:
            self.view.add(event)

    async def _execute(self, command: Frame, key: str) -> int | None:
        sent_at = time.monotonic()
        while True:
            await self.ensure_connected()
            try:
                answer = await self._request(command)
            except Disconnected:
                self.retries += 1
                continue
            if answer["type"] in ("message_ack", "ack"):
                number: int = answer["sequence_id"]
                self.acked.append(Acknowledged(self.name, key, number, sent_at, time.monotonic()))
                return number
            if not answer.get("retryable"):
                return None
            self.retries += 1
            await _wait_after(answer)

    async def _request(self, command: Frame) -> Frame:
        """Send a command and return its answer. Raises Disconnected."""
        socket, reader = self._socket, self._reader
        if socket is None or reader is None:
            raise Disconnected
        name = f"{random.getrandbits(64):x}"
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[name] = answer
        try:
            await socket.send_json({**command, "conversation_id": self.conversation_id, "id": name})
            ends: set[asyncio.Future[Any]] = {answer, reader}
            await asyncio.wait(ends, timeout=ANSWER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        except (aiohttp.ClientError, OSError) as error:
            self._forget(reader)
            raise Disconnected from error
        finally:
            self._pending.pop(name, None)
        if not answer.done():
            raise Disconnected
        return answer.result()


async def _wait_after(answer: Frame) -> None:
    await asyncio.sleep(random.uniform(1, 2) * answer.get("retry_after", 1.0))
