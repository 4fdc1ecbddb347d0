"""The client of a service: the backend of a product, which acts for its users by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from .acting import Acting
from .api import Api, Token
from .core.outputs import JsonObject

CONVERSATIONS, PARTICIPANTS = "/service/conversations", "/service/participants"
PAGE = 100


class Service:
    """`async with Service(http_url, token) as service:` sends requests with the credentials of a service.

    Args:
        http_url: The base URL of the HTTP API.
        token: A function that returns a valid token of the service, or an awaitable of one. It is called for each
            request, so it should cache the token until shortly before its end.
        transport: The transport of HTTP requests, for tests and proxies.
    """

    def __init__(self, http_url: str, token: Token, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._api = Api(http_url, token, transport)

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    def acting_for(self, participant_id: str, name: str | None = None) -> Acting:
        """Return the requests for one participant. Any number of them share the connections.

        Args:
            participant_id: The id of the participant in the chat.
            name: Their display name; without it, that of their membership is used.
        """
        headers = {"Chat-Participant": quote(participant_id, safe="")}
        if name is not None:
            headers["Chat-Participant-Name"] = quote(name, safe="")
        return Acting(self._api.with_headers(headers))

    @property
    def api(self) -> Api:
        """Any other route for services: `await service.api.get("/service/…")`."""
        return self._api

    async def create(self, title: str, participants: Sequence[Mapping[str, Any]], **fields: Any) -> JsonObject:
        """Create a conversation of which the service is no participant, and return it.

        Args:
            title: The title.
            participants: The participants, each with `participant_id`, `name` and `role`.
            fields: Other fields of the request, such as `join_policy` and `metadata`.

        Raises:
            RefusedError: The server refuses it.
            UnavailableError: There was no answer: whether it was created is not known.
        """
        body: JsonObject = {"title": title, "participants": [dict(other) for other in participants], **fields}
        return await self._api.request("POST", CONVERSATIONS, body)

    async def send_system_message(
        self, conversation_id: str, content: str, *, client_message_id: str, **fields: Any
    ) -> JsonObject:
        """Send a system message and return its event. It is repeated until it is answered, and is in the log once.

        Args:
            conversation_id: Any conversation.
            content: The text.
            client_message_id: The idempotency key, unique for the service: derived from the reason of the message,
                such as the id of an order.
            fields: Other fields of a message: `reply_to`, `mentions` and `metadata`.

        Raises:
            RefusedError: The server refuses it.
            UnavailableError: There was no answer in several attempts.
        """
        body: JsonObject = {"content": content, "client_message_id": client_message_id, **fields}
        return await self._api.repeat("POST", f"{CONVERSATIONS}/{quote(conversation_id, safe='')}/messages", body)

    async def conversations(self, participant_id: str | None = None) -> AsyncIterator[JsonObject]:
        """Iterate over all conversations, or those of one participant, in the order of their creation.

        Raises:
            RefusedError: The server refuses a request.
            UnavailableError: There was no answer in several attempts.
        """
        query: dict[str, Any] = {"participant_id": participant_id, "limit": PAGE}
        async for page in self._pages(CONVERSATIONS, query):
            for conversation in page["conversations"]:
                yield conversation

    async def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[JsonObject]:
        """Iterate over the events of any conversation after a sequence id, up to its present end.

        Raises:
            RefusedError: The server refuses a request.
            UnavailableError: There was no answer in several attempts.
        """
        path, position = f"{CONVERSATIONS}/{quote(conversation_id, safe='')}/events", after
        while True:
            page = await self._api.get(path, {"after": position, "limit": PAGE})
            for event in page["events"]:
                yield event
            if not page["has_more"]:
                return
            position = page["next_after"]

    async def reports(self, conversation_id: str, status: str = "open") -> AsyncIterator[JsonObject]:
        """Iterate over the `open` or `closed` reports of messages of any conversation.

        Raises:
            RefusedError: The server refuses a request.
            UnavailableError: There was no answer in several attempts.
        """
        path = f"{CONVERSATIONS}/{quote(conversation_id, safe='')}/reports"
        async for page in self._pages(path, {"status": status, "limit": PAGE}):
            for report in page["reports"]:
                yield report

    async def close_report(self, conversation_id: str, report_id: str, status: str = "resolved") -> JsonObject:
        """Close a report as `resolved` or `dismissed`, and return it. Raises RefusedError, UnavailableError."""
        path = f"{CONVERSATIONS}/{quote(conversation_id, safe='')}/reports/{quote(report_id, safe='')}"
        return await self._api.repeat("PATCH", path, {"status": status})

    async def export(self, participant_id: str) -> AsyncIterator[JsonObject]:
        """Iterate over the pages of a participant's data. Raises RefusedError, UnavailableError."""
        async for page in self._pages(f"{PARTICIPANTS}/export", {"participant_id": participant_id}):
            yield page

    async def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[JsonObject]:
        cursor: str | None = None
        while True:
            page = await self._api.get(path, {**query, "cursor": cursor})
            yield page
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    async def erase(self, participant_id: str) -> JsonObject:
        """Erase the data of a participant, and return the progress. A repeat returns the running erasure."""
        return await self._api.repeat("DELETE", PARTICIPANTS, None, {"participant_id": participant_id})

    async def erasure(self, participant_id: str) -> JsonObject:
        """Return the progress of an erasure. Raises RefusedError (`NOT_FOUND`) if none was requested."""
        return await self._api.get(f"{PARTICIPANTS}/erasure", {"participant_id": participant_id})

    async def participant(self, participant_id: str) -> JsonObject:
        """Return whether a participant is suspended, and whether they are an agent."""
        return await self._api.get(PARTICIPANTS, {"participant_id": participant_id})

    async def suspend(self, participant_id: str, *, suspended: bool = True) -> JsonObject:
        """Suspend a participant everywhere, or with `suspended=False` lift that, and return their state."""
        return await self._decide(participant_id, {"suspended": suspended})

    async def register_agent(self, participant_id: str, *, agent: bool = True) -> JsonObject:
        """Make a participant an agent, whatever their tokens claim, or end that, and return their state."""
        return await self._decide(participant_id, {"agent": agent})

    async def _decide(self, participant_id: str, state: JsonObject) -> JsonObject:
        return await self._api.repeat("PATCH", PARTICIPANTS, state, {"participant_id": participant_id})
