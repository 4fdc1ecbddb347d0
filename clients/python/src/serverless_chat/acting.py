"""The requests of a service for one participant."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .api import Api
from .core.outputs import JsonObject


class Acting:
    """The requests of a service for one participant. Its messages have `via: "service"` in their `sender`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def api(self) -> Api:
        """Any other route of the protocol, as the participant: `await acting.api.get("/conversations")`."""
        return self._api

    async def create(
        self,
        title: str,
        participants: Sequence[Mapping[str, Any]] = (),
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> JsonObject:
        """Create a conversation whose owner is the participant, once, and return it.

        Args:
            title: The title.
            participants: The others, each with `participant_id`, `name` and optionally `role`.
            idempotency_key: Derive it from the reason of the conversation, such as the id of an order, so that a
                repeat by another process within 24 hours creates no further one. By default it is random.
            fields: Other fields of the request, such as `join_policy` and `metadata`.

        Raises:
            RefusedError: The server refuses it.
            UnavailableError: There was no answer in several attempts.
        """
        body: JsonObject = {"title": title, **fields}
        if participants:
            body["participants"] = [dict(other) for other in participants]
        return await self._api.create_once("/conversations", body, idempotency_key)

    async def direct(self, participant_id: str, name: str | None = None) -> JsonObject:
        """Return the direct conversation with another participant, which begins if there is none yet.

        Args:
            participant_id: The other participant.
            name: How to show them until they have accepted; by default by their id.

        Raises:
            RefusedError: For instance because the participant blocks them (code `BLOCKED`).
            UnavailableError: There was no answer in several attempts.
        """
        body = {} if name is None else {"name": name}
        return await self._api.repeat("PUT", "/direct", body, {"participant_id": participant_id})

    async def conversations(self, limit: int = 50) -> JsonObject:
        """Return the newest conversations, as `conversations`, and `total_unread`, for instance for a badge."""
        return await self._api.get("/conversations", {"limit": limit})

    async def send(
        self, conversation_id: str, content: str, *, client_message_id: str | None = None, **fields: Any
    ) -> JsonObject:
        """Send a message and return its event. It is repeated until it is answered, and is in the log once.

        Args:
            conversation_id: The conversation, of which the participant is a member.
            content: The text.
            client_message_id: The idempotency key. Derive it from the reason of the message, such as the id of an
                order, so that a repeat by another process sends it once, too. By default it is random.
            fields: Other fields of a message: `reply_to`, `mentions` and `metadata`.

        Raises:
            RefusedError: The server refuses it.
            UnavailableError: There was no answer in several attempts: repeat it with the same `client_message_id`.
        """
        key = client_message_id or str(uuid.uuid4())
        body: JsonObject = {"content": content, "client_message_id": key, **fields}
        return await self._api.repeat("POST", f"/conversations/{quote(conversation_id, safe='')}/messages", body)

    async def ticket(self) -> str:
        """Return a ticket with which the participant's browser opens one WebSocket within 30 seconds.

        Raises:
            RefusedError: The server refuses it.
            UnavailableError: There was no answer in several attempts.
        """
        return str((await self._api.repeat("POST", "/tickets", {}))["ticket"])
