"""The client of a service for backends without asyncio, as part of `serverless_chat.blocking`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from .. import acting as asynchronous_acting
from .. import service as asynchronous
from ..api import Token
from ..core.outputs import JsonObject
from .api import Api
from .loop_thread import LoopThread


class Service:
    """A backend of the product; see `serverless_chat.Service`. A process that forks makes one after the fork."""

    def __init__(self, http_url: str, token: Token, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._loop = LoopThread()
        self._service = self._loop.begin(lambda: asynchronous.Service(http_url, token, transport=transport))
        self.api = Api(self._loop, self._service.api)
        """Any other route for services: `service.api.get("/service/…")`."""

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._loop.stop(self._service.close)

    def acting_for(self, participant_id: str, name: str | None = None) -> Acting:
        """Return the requests for one participant."""
        return Acting(self._loop, self._service.acting_for(participant_id, name))

    def create(self, title: str, participants: Sequence[Mapping[str, Any]], **fields: Any) -> JsonObject:
        """Create a conversation of which the service is no participant, and return it."""
        return self._loop.run(self._service.create(title, participants, **fields))

    def send_system_message(
        self, conversation_id: str, content: str, *, client_message_id: str, **fields: Any
    ) -> JsonObject:
        """Send a system message, repeated until it is answered, and return its event."""
        work = self._service.send_system_message(
            conversation_id, content, client_message_id=client_message_id, **fields
        )
        return self._loop.run(work)

    def conversations(self, participant_id: str | None = None) -> list[JsonObject]:
        """Return all conversations, or those of one participant, in the order of their creation."""
        return self._loop.run(_collected(self._service.conversations(participant_id)))

    def events(self, conversation_id: str, after: int = 0) -> list[JsonObject]:
        """Return the events of any conversation after a sequence id, up to its present end."""
        return self._loop.run(_collected(self._service.events(conversation_id, after)))

    def reports(self, conversation_id: str, status: str = "open") -> list[JsonObject]:
        """Return the `open` or `closed` reports of messages of any conversation."""
        return self._loop.run(_collected(self._service.reports(conversation_id, status)))

    def close_report(self, conversation_id: str, report_id: str, status: str = "resolved") -> JsonObject:
        """Close a report as `resolved` or `dismissed`, and return it."""
        return self._loop.run(self._service.close_report(conversation_id, report_id, status))

    def export(self, participant_id: str) -> list[JsonObject]:
        """Return the pages of a participant's data."""
        return self._loop.run(_collected(self._service.export(participant_id)))

    def erase(self, participant_id: str) -> JsonObject:
        """Erase the data of a participant, and return the progress."""
        return self._loop.run(self._service.erase(participant_id))

    def erasure(self, participant_id: str) -> JsonObject:
        """Return the progress of an erasure."""
        return self._loop.run(self._service.erasure(participant_id))

    def participant(self, participant_id: str) -> JsonObject:
        """Return whether a participant is suspended, and whether they are an agent."""
        return self._loop.run(self._service.participant(participant_id))

    def suspend(self, participant_id: str, *, suspended: bool = True) -> JsonObject:
        """Suspend a participant everywhere, or with `suspended=False` lift that, and return their state."""
        return self._loop.run(self._service.suspend(participant_id, suspended=suspended))

    def register_agent(self, participant_id: str, *, agent: bool = True) -> JsonObject:
        """Make a participant an agent, or end that, and return their state."""
        return self._loop.run(self._service.register_agent(participant_id, agent=agent))


async def _collected(entries: AsyncIterator[JsonObject]) -> list[JsonObject]:
    return [entry async for entry in entries]


class Acting:
    """The requests of a service for one participant; see `serverless_chat.Acting`."""

    def __init__(self, loop: LoopThread, acting: asynchronous_acting.Acting) -> None:
        self._loop, self._acting = loop, acting
        self.api = Api(loop, acting.api)
        """Any other route of the protocol, as the participant: `acting.api.get("/conversations")`."""

    def create(
        self,
        title: str,
        participants: Sequence[Mapping[str, Any]] = (),
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> JsonObject:
        """Create a conversation whose owner is the participant, once, and return it."""
        work = self._acting.create(title, participants, idempotency_key=idempotency_key, **fields)
        return self._loop.run(work)

    def direct(self, participant_id: str, name: str | None = None) -> JsonObject:
        """Return the direct conversation with another participant, which begins if there is none yet."""
        return self._loop.run(self._acting.direct(participant_id, name))

    def conversations(self, limit: int = 50) -> JsonObject:
        """Return the newest conversations, as `conversations`, and `total_unread`."""
        return self._loop.run(self._acting.conversations(limit))

    def send(self, conversation_id: str, content: str, **options: Any) -> JsonObject:
        """Send a message, repeated until it is answered, and return its event."""
        return self._loop.run(self._acting.send(conversation_id, content, **options))

    def ticket(self) -> str:
        """Return a ticket with which the participant's browser opens one WebSocket within 30 seconds."""
        return self._loop.run(self._acting.ticket())
