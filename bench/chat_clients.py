"""Clients of a real server over real sockets: they send messages and record what they receive and when.

They follow the protocol's rules for clients: a message is retried with its `client_message_id` until it is
acknowledged, duplicate pushes are ignored, and missing events are fetched by `sync`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from .harness import CONTENT
from .history_check import AckedMessage
from .server import MeasuredServer

MAX_CONCURRENT_CONNECTS = 8
REPLY_TIMEOUT = 30.0
ACK_TIMEOUT = 10.0
"""Seconds to wait for an acknowledgement before a retry."""


class ClientFailed(Exception):
    """The server responded in a way that a client cannot recover from."""


@dataclass
class ReceivedEvents:
    """The events that one connection received."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    pushed_at: dict[int, float] = field(default_factory=dict)
    """The time of the first push per event."""
    duplicates: int = 0
    """Pushes of an event that had already been pushed."""
    out_of_order: int = 0
    """Pushes after one with a higher sequence id."""
    contradictions: int = 0
    """Different events with the same sequence id."""
    synced: int = 0
    """Events received only by `sync`."""
    newest: int = 0

    def record_push(self, event: dict[str, Any], now: float) -> None:
        """Record a pushed event."""
        number = event["sequence_id"]
        if number in self.events:
            self.duplicates += 1
            self.contradictions += self.events[number] != event
            return
        self.events[number] = event
        self.pushed_at[number] = now
        self.out_of_order += number < self.newest
        self.newest = max(self.newest, number)

    def record_sync(self, events: Iterable[dict[str, Any]]) -> None:
        """Record events fetched by `sync`."""
        for event in events:
            known = self.events.setdefault(event["sequence_id"], event)
            self.synced += known is event
            self.contradictions += known != event


class ChatClient:
    """One participant with one connection."""

    def __init__(self, name: str, conversation_id: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.name = name
        self.received = ReceivedEvents()
        self.retries = 0
        self._conversation_id = conversation_id
        self._socket = socket
        self._pending: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            now = time.monotonic()
            frame = json.loads(message.data)
            if frame.get("type") == "events":
                for event in frame["events"]:
                    self.received.record_push(event, now)
            elif frame.get("id") in self._pending and frame["type"] != "welcome":
                self._pending.pop(frame["id"]).set_result(frame)

    async def request(self, command: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a command; return its reply. Raises TimeoutError, or ClientFailed if the connection was closed."""
        name = f"{random.getrandbits(64):x}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[name] = answer
        try:
            await self._socket.send_json({**command, "id": name})
            ends: set[asyncio.Future[Any]] = {answer, self._reader}
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pending.pop(name, None)
        if answer.done():
            return answer.result()
        if self._reader.done():
            raise ClientFailed(f"the server closed a connection (code {self._socket.close_code})")
        raise TimeoutError

    async def subscribe(self) -> None:
        """Send `hello` with a subscription from the start of the log."""
        wanted = [{"conversation_id": self._conversation_id, "after": 0}]
        answer = await self.request({"type": "hello", "subscribe": wanted}, REPLY_TIMEOUT)
        if answer["type"] != "subscribed":
            raise ClientFailed(f"the reply to hello is {answer['type']} {answer.get('code', '')}")
        for event in answer["events"]:
            self.received.events[event["sequence_id"]] = event

    async def send_message(self, client_message_id: str, due: float) -> AckedMessage:
        """Send a message, with retries until it is acknowledged. `due` is its scheduled time (monotonic)."""
        command = {
            "type": "message",
            "conversation_id": self._conversation_id,
            "client_message_id": client_message_id,
            "content": CONTENT,
        }
        while True:
            try:
                answer = await self.request(command, ACK_TIMEOUT)
            except TimeoutError:
                self.retries += 1
                continue
            if answer["type"] == "message_ack":
                now = time.monotonic()
                return AckedMessage(client_message_id, answer["sequence_id"], now - due, now)
            if not answer.get("retryable"):
                raise ClientFailed(f"a message was rejected: {answer.get('code')}")
            self.retries += 1
            await asyncio.sleep(random.uniform(0.5, 1) * answer.get("retry_after", 1))

    async def sync(self, head: int) -> None:
        """Fetch the missing events up to a head."""
        while missing := [number for number in range(1, head + 1) if number not in self.received.events]:
            command = {"type": "sync", "conversation_id": self._conversation_id, "after": missing[0] - 1}
            answer = await self.request(command, REPLY_TIMEOUT)
            if answer["type"] == "sync" and answer["events"]:
                self.received.record_sync(answer["events"])
            elif answer.get("retryable"):
                await asyncio.sleep(random.uniform(0.5, 1) * answer.get("retry_after", 1))
            else:
                return  # an event is missing on the server, which the final check reports

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


async def connect_clients(
    session: aiohttp.ClientSession, server: MeasuredServer, names: Sequence[str]
) -> list[ChatClient]:
    """Create a conversation; return its participants' clients, connected and subscribed."""
    headers = {"Authorization": f"Bearer {server.token(names[0])}"}
    body = {
        "title": "A crowd",
        "participants": [{"participant_id": name, "name": name.title()} for name in names[1:]],
    }
    async with session.post(f"{server.ready.http_url}/conversations", json=body, headers=headers) as answer:
        if answer.status != 201:
            raise ClientFailed(f"the conversation could not be created: status {answer.status}")
        conversation_id = (await answer.json())["conversation_id"]
    at_once = asyncio.Semaphore(MAX_CONCURRENT_CONNECTS)

    async def connect(name: str) -> ChatClient:
        async with at_once:
            credentials = {"Authorization": f"Bearer {server.token(name)}"}
            socket = await session.ws_connect(server.ready.ws_url, headers=credentials, max_msg_size=0)
            client = ChatClient(name, conversation_id, socket)
            await client.subscribe()
            return client

    return list(await asyncio.gather(*map(connect, names)))
