"""A person: devices, HTTP requests, and what they said and must repeat until it is acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.invariants.history.device import Device
from tests.invariants.history.records import HTTP, LOST, OK, Call, Json

if TYPE_CHECKING:
    from tests.invariants.history.cast import Cast

HTTP_PATIENCE = 20.0
"""Seconds until an HTTP request is given up."""
AT_ONCE = 2
"""How often a message is tried before its sender does something else first."""
_PASSING = frozenset({LOST, "RATE_LIMITED", "CONVERSATION_BUSY", "UNAVAILABLE", "INTERNAL"})


@dataclass(slots=True)
class Outgoing:
    """Something said under an id of the client's, which is repeated until there is a final answer."""

    where: str
    client_message_id: str
    body: Json
    is_settled: bool = False
    """Whether there was a final answer."""
    is_said: bool = False
    """Whether it was acknowledged."""


class Person:
    """One participant."""

    def __init__(
        self, cast: Cast, participant_id: str, name: str, faults: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self.cast = cast
        self.id = participant_id
        self.name = name
        self.token = cast.world.token(participant_id, name)
        self.said: list[Outgoing] = []
        self.devices: dict[int, Device] = {}
        self._faults = faults
        self._numbers = itertools.count()

    def device(self, number: int) -> Device:
        """One of the person's devices."""
        if number not in self.devices:
            self.devices[number] = Device(self, number, self._faults.get(number, {}))
        return self.devices[number]

    async def credentials(self, number: int) -> dict[str, Any]:
        """How a device shows who it is: each of a person's devices in its own way."""
        url = self.cast.world.ws_url
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
        where: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        asked: Json | None = None,
    ) -> Call:
        """One request, once. `asked` is what the record says was asked, if it is not body and query."""
        call = self.cast.recorder.begin(kind, self.id, where, HTTP, asked or {**(query or {}), **(body or {})})
        try:
            async with self.cast.http.request(
                method,
                self.cast.world.http_url + path,
                params={name: str(value) for name, value in (query or {}).items()},
                json=body,
                headers={"Authorization": f"Bearer {self.token}"},
            ) as answer:
                found: Any = await answer.json() if await answer.read() else None
        except (aiohttp.ClientError, TimeoutError):
            return call
        outcome = OK if answer.status < 400 else found["error"]["code"]
        self.cast.recorder.end(call, outcome, found, answer.status)
        return call

    # ---- saying something ------------------------------------------------------------------------------

    def intends(self, where: str, body: Json) -> Outgoing:
        """Something new to say."""
        outgoing = Outgoing(where, f"said-{next(self._numbers)}", body)
        self.said.append(outgoing)
        return outgoing

    async def says(self, outgoing: Outgoing, device: Device | None, times: int = AT_ONCE) -> None:
        """Say it by a device, or by HTTP, and repeat it if there is no final answer."""
        for _ in range(times):
            call = await self.tries(outgoing, device)
            if outgoing.is_settled:
                return
            await asyncio.sleep(_pause(call))

    async def tries(self, outgoing: Outgoing, device: Device | None, body: Json | None = None) -> Call:
        """One attempt, with another body under the same id if one is given."""
        asked = {"client_message_id": outgoing.client_message_id, **(body or outgoing.body)}
        where = outgoing.where
        if device is None:
            call = await self.http("send", where, "POST", f"/conversations/{where}/messages", body=asked)
        else:
            call = await device.ask("send", where, {"type": "message", "conversation_id": where, **asked})
        outgoing.is_settled = outgoing.is_settled or call.outcome not in _PASSING
        if call.is_ok:
            outgoing.is_said = True
            self.cast.spoke(where, self.id, call.answer["sequence_id"])
        return call


def _pause(call: Call) -> float:
    """What a refusal asks for, at most a second."""
    if call.outcome in (LOST, OK) or not isinstance(call.answer, dict):
        return 0.0
    return min(float(call.answer.get("error", call.answer).get("retry_after") or 0.1), 1.0)
