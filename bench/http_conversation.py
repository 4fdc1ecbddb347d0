"""A conversation over HTTP: it is created, and its log is read and compared with the acknowledged messages."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .chat_clients import ClientFailed

TIMEOUT = 60.0
"""Seconds for one request."""


class HttpConversation:
    """A conversation of these participants, of whom the first one creates it."""

    def __init__(self, http_url: str, token: str, names: Sequence[str]) -> None:
        """Create the conversation with the token of the first participant. Raises ClientFailed, OSError."""
        self._http_url = http_url
        self._token = token
        self.conversation_id = self._create(names)

    def log(self) -> Iterator[dict[str, Any]]:
        """Read the conversation's log over HTTP."""
        after = 0
        while True:
            page = self._request("GET", f"/conversations/{self.conversation_id}/events?after={after}")
            yield from page["events"]
            if not page["events"] or not page.get("has_more"):
                return
            after = page["events"][-1]["sequence_id"]

    def send(self, texts: Sequence[str], key: str) -> float:
        """Send at most 24 messages in one request, and return its seconds. `key` begins their idempotency keys."""
        commands = [
            {
                "type": "message",
                "conversation_id": self.conversation_id,
                "client_message_id": f"{key}-{number}",
                "content": text,
            }
            for number, text in enumerate(texts)
        ]
        started = time.monotonic()
        results = self._request("POST", "/batch", {"commands": commands})["results"]
        if any(result["status"] >= 300 for result in results):
            raise ClientFailed(f"a message was refused: {results}")
        return time.monotonic() - started

    def violations(self, acked: Mapping[str, int]) -> int:
        """Count acknowledged messages that are not in the log exactly once, and others that are there twice."""
        places: dict[str, list[int]] = {}
        for event in self.log():
            if "client_message_id" in event:
                places.setdefault(event["client_message_id"], []).append(event["sequence_id"])
        wrong = sum(places.get(key) != [number] for key, number in acked.items())
        return wrong + sum(len(place) > 1 for key, place in places.items() if key not in acked)

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        address = urlsplit(self._http_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 300:
            code = content.get("error", {}).get("code", "") if isinstance(content, dict) else ""
            raise ClientFailed(f"{method} {path} answers {answer.status} {code}".rstrip())
        return content

    def _create(self, names: Sequence[str]) -> str:
        others = [{"participant_id": name, "name": name.title()} for name in names[1:]]
        body = {"title": "Everybody", "participants": others}
        conversation_id: str = self._request("POST", "/conversations", body)["conversation_id"]
        return conversation_id
