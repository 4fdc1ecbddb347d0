"""The chat as this backend uses it: as a service, and for its users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from examples.product.users import User


class ChatRefused(Exception):
    """The chat refused a request. `code` is one of `docs/protocol.md`, such as BLOCKED."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code


class ChatBackend:
    """Calls the chat. All methods can be repeated: a repeat after a lost answer changes nothing."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        """`token` returns a valid token of this service."""
        self._token = token
        self._http = httpx.Client(base_url=url, timeout=10)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def direct(self, user: User, other: User) -> str:
        """Return the id of the one conversation of two users; create it the first time."""
        path = f"/direct?participant_id={quote(other.user_id, safe='')}"
        found = self._request("PUT", path, {"name": other.name}, actor=user)
        return str(found["conversation_id"])

    def ticket(self, user: User) -> dict[str, Any]:
        """Return a ticket with which a browser opens one WebSocket as the user, within a minute."""
        return self._request("POST", "/tickets", actor=user)

    def conversations_of(self, user: User) -> dict[str, Any]:
        """Return the newest conversations of a user with their unread counts."""
        return self._request("GET", "/conversations", actor=user)

    def post_system_message(self, conversation_id: str, content: str, key: str) -> None:
        """Send a message of the product. A repeat with the same `key` sends nothing."""
        body = {"content": content, "client_message_id": key}
        self._request("POST", f"/service/conversations/{conversation_id}/messages", body)

    def events_after(self, conversation_id: str, after: int) -> Iterator[dict[str, Any]]:
        """Yield the events of a conversation after a sequence id, page by page."""
        while True:
            path = f"/service/conversations/{conversation_id}/events?after={after}"
            page = self._request("GET", path)
            yield from page["events"]
            if not page["has_more"]:
                return
            after = page["next_after"]

    def suspend(self, user_id: str) -> None:
        """Refuse the user's tokens, close their connections, and let them into no conversation."""
        self._set_state(user_id, suspended=True)

    def lift_suspension(self, user_id: str) -> None:
        """End a suspension. The user signs in again; memberships are as before."""
        self._set_state(user_id, suspended=False)

    def _set_state(self, user_id: str, **state: bool) -> None:
        self._request("PATCH", f"/service/participants?participant_id={quote(user_id, safe='')}", state)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, actor: User | None = None
    ) -> dict[str, Any]:
        """Call the chat, for `actor` if given. Raises ChatRefused, and httpx.HTTPError without an answer."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        if actor is not None:
            headers["Chat-Participant"] = quote(actor.user_id, safe="")
            headers["Chat-Participant-Name"] = quote(actor.name, safe="")
        answer = self._http.request(method, path, headers=headers, json=body)
        if answer.status_code >= 400:
            error = answer.json()["error"]
            raise ChatRefused(answer.status_code, error["code"], error["message"])
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found
