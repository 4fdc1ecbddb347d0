"""Senders that post until their server is killed, and the check of what they were acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 60.0
SENDERS = ("alice", "bob", "carol")


class Connection:
    """A kept HTTP connection of one participant."""

    def __init__(self, url: str, token: str) -> None:
        self._http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request. Raises OSError and http.client.HTTPException if the server is killed."""
        self._http.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._http.getresponse()
        return response.status, json.loads(response.read() or b"null")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


@dataclass
class Round:
    """The traffic of one round: a conversation, and what each sender posted to it."""

    conversation_id: str
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SENDERS})
    pending: dict[str, str] = field(default_factory=dict)
    """The message of each sender whose answer is missing: it may be stored or not."""

    def send_until(self, stopping: threading.Event, sender: str, connection: Connection) -> None:
        """Post messages, one after the other, until the server is killed or `stopping` is set."""
        while not stopping.is_set():
            content = self.pending.get(sender) or f"{sender} {len(self.acknowledged[sender])}"
            self.pending[sender] = content
            try:
                status = self.post(sender, connection)
            except (OSError, http.client.HTTPException, ValueError):
                return
            assert status in (200, 201, 429, 500, 502, 503, 504), status

    def post(self, sender: str, connection: Connection) -> int:
        """Post the pending message of a sender once; its id makes a repeat a no-op."""
        content = self.pending[sender]
        path = f"/conversations/{self.conversation_id}/messages"
        body = {"content": content, "client_message_id": content.replace(" ", "-")}
        status, _ = connection.call("POST", path, body)
        if status in (200, 201):
            self.acknowledged[sender].append(content)
            del self.pending[sender]
        return status

    def check(self, connection: Connection) -> None:
        """Raise AssertionError unless each acknowledged message is stored exactly once, in its sender's order."""
        stored = self._stored(connection)
        counted = Counter(stored)
        assert max(counted.values(), default=1) == 1, f"stored twice: {counted.most_common(3)}"
        for sender, contents in self.acknowledged.items():
            assert [content for content in stored if content.startswith(f"{sender} ")] == contents

    def _stored(self, connection: Connection) -> list[str]:
        contents: list[str] = []
        after = 0
        while True:
            path = f"/conversations/{self.conversation_id}/messages?after={after}&limit=100"
            status, page = connection.call("GET", path)
            assert status == 200, page
            contents += [message["content"] for message in page["messages"]]
            if not page["has_more"]:
                return contents
            after = page["messages"][-1]["sequence_id"]
