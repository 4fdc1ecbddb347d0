"""A participant: clients, HTTP requests, and outgoing messages that are repeated until they are acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.invariants.history.client import Client
from tests.invariants.history.records import HTTP, LOST, OK, Call, Json

if TYPE_CHECKING:
    from tests.invariants.history.registry import Registry

HTTP_TIMEOUT = 20.0
"""Seconds until an HTTP request times out."""
MAX_ATTEMPTS = 2
"""Attempts to send a message before its sender continues with another step."""
_RETRYABLE = frozenset({LOST, "RATE_LIMITED", "CONVERSATION_BUSY", "NOT_ATTEMPTED", "UNAVAILABLE", "INTERNAL"})


@dataclass(slots=True)
class OutgoingMessage:
    """A message with a client message id, which is repeated until there is a final answer."""

    conversation_id: str
    client_message_id: str
    body: Json
    is_settled: bool = False
    """Whether there was a final answer."""
    is_acknowledged: bool = False
    """Whether it was acknowledged."""


class Participant:
    """One participant."""

    def __init__(
        self, registry: Registry, participant_id: str, name: str, faults: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self.registry = registry
        self.id = participant_id
        self.name = name
        self.token = registry.server.token(participant_id, name)
        self.outgoing: list[OutgoingMessage] = []
        self.clients: dict[int, Client] = {}
        self._faults = faults
        self._numbers = itertools.count()

    def client(self, number: int) -> Client:
        """Return one of the participant's clients."""
        if number not in self.clients:
            self.clients[number] = Client(self, number, self._faults.get(number, {}))
        return self.clients[number]

    async def credentials(self, number: int) -> dict[str, Any]:
        """Return connect arguments: each client of a participant authenticates in another way."""
        url = self.registry.server.ws_url
        match number % 3:
            case 0:
                return {"url": url, "additional_headers": {"Authorization": f"Bearer {self.token}"}}
            case 1:
                return {"url": url, "subprotocols": ["chat.v1", f"bearer.{self.token}"]}
            case _:
                call = await self.http("ticket", "", "POST", "/tickets")
                return {"url": f"{url}?ticket={call.answer['ticket']}"}

    # ---- HTTP ------------------------------------------------------------------------------------------

    async def http(
        self,
        kind: str,
        conversation_id: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        asked: Json | None = None,
    ) -> Call:
        """Send a request once. `asked` replaces body and query in the record."""
        call = self.registry.recorder.begin(
            kind, self.id, conversation_id, HTTP, asked or {**(query or {}), **(body or {})}
        )
        try:
            async with self.registry.http.request(
                method,
                self.registry.server.http_url + path,
                params={name: str(value) for name, value in (query or {}).items()},
                json=body,
                headers={"Authorization": f"Bearer {self.token}"},
            ) as answer:
                found: Any = await answer.json() if await answer.read() else None
        except (aiohttp.ClientError, TimeoutError):
            return call
        outcome = OK if answer.status < 400 else found["error"]["code"]
        self.registry.recorder.end(call, outcome, found, answer.status)
        return call

    # ---- messages --------------------------------------------------------------------------------------

    def compose(self, conversation_id: str, body: Json) -> OutgoingMessage:
        """Return a new outgoing message."""
        outgoing = OutgoingMessage(conversation_id, f"said-{next(self._numbers)}", body)
        self.outgoing.append(outgoing)
        return outgoing

    async def send(self, outgoing: OutgoingMessage, client: Client | None, times: int = MAX_ATTEMPTS) -> None:
        """Send a message by a client or by HTTP, and repeat it until there is a final answer."""
        for _ in range(times):
            call = await self.try_send(outgoing, client)
            if outgoing.is_settled:
                return
            await asyncio.sleep(_pause(call))

    async def try_send(self, outgoing: OutgoingMessage, client: Client | None, body: Json | None = None) -> Call:
        """Send a message once, optionally with another body under the same id."""
        asked = {"client_message_id": outgoing.client_message_id, **(body or outgoing.body)}
        conversation_id = outgoing.conversation_id
        if client is None:
            call = await self.http(
                "send", conversation_id, "POST", f"/conversations/{conversation_id}/messages", body=asked
            )
        else:
            call = await client.request(
                "send", conversation_id, {"type": "message", "conversation_id": conversation_id, **asked}
            )
        outgoing.is_settled = outgoing.is_settled or call.outcome not in _RETRYABLE
        if call.is_ok:
            outgoing.is_acknowledged = True
            self.registry.note_message(conversation_id, self.id, call.answer["sequence_id"])
        return call

    async def send_batch(self, messages: Sequence[OutgoingMessage], client: Client) -> None:
        """Send messages as one batch, and those without a final answer one after the other until there is one."""
        calls = await client.request_batch(
            [
                (
                    "send",
                    outgoing.conversation_id,
                    {"client_message_id": outgoing.client_message_id, **outgoing.body},
                )
                for outgoing in messages
            ]
        )
        for outgoing, call in zip(messages, calls, strict=True):
            outgoing.is_settled = call.outcome not in _RETRYABLE
            if call.is_ok:
                outgoing.is_acknowledged = True
                self.registry.note_message(outgoing.conversation_id, self.id, call.answer["sequence_id"])
        for outgoing in messages:
            if not outgoing.is_settled:
                await self.send(outgoing, None)


def _pause(call: Call) -> float:
    """Return the `retry_after` of an error, at most a second."""
    if call.outcome in (LOST, OK) or not isinstance(call.answer, dict):
        return 0.0
    return min(float(call.answer.get("error", call.answer).get("retry_after") or 0.1), 1.0)
