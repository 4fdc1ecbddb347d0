"""Web Push to the members whom the chat lists with a message that arrives by the webhook.

The page stores its subscription (`PushSubscription.toJSON()`) at the product. `pip install pywebpush` for
the real sender; a deployment without it sends nothing.
"""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

PREVIEW_CHARACTERS = 120
Send = Callable[[dict[str, Any], str], bool]
"""Sends a text to a subscription; returns False if the subscription has ended."""


def pywebpush_sender(vapid_key: str, contact: str) -> Send | None:
    """Return a sender that signs with a VAPID key (RFC 8292), None if the package is not installed."""
    try:
        pywebpush = importlib.import_module("pywebpush")
    except ImportError:
        return None

    def send(subscription: dict[str, Any], text: str) -> bool:
        try:
            pywebpush.webpush(
                subscription, text, vapid_private_key=vapid_key, vapid_claims={"sub": contact}, ttl=3600
            )
        except pywebpush.WebPushException as error:
            return error.response is None or error.response.status_code not in (404, 410)
        return True

    return send


class WebPush:
    """Stores the subscriptions of browsers, and notifies them."""

    def __init__(self, path: Path | str, send: Send) -> None:
        self._send = send
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS subscriptions"
                " (endpoint TEXT PRIMARY KEY, user_id TEXT, subscription TEXT)"
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def subscribe(self, user_id: str, subscription: dict[str, Any]) -> None:
        """Store the subscription of a user's browser."""
        row = (subscription["endpoint"], user_id, json.dumps(subscription))
        with self._lock, self._database:
            self._database.execute("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", row)

    def notify(self, message: dict[str, Any], members: Iterable[Mapping[str, Any]]) -> int:
        """Notify the members on the notify list of a message; return how many browsers took it.

        Members who have muted the conversation are notified of mentions only. Ended subscriptions are deleted.
        """
        shown = {
            "conversation_id": message["conversation_id"],
            "title": message["sender"].get("name", ""),
            "body": message.get("content", "")[:PREVIEW_CHARACTERS],
        }
        taken = 0
        for member in members:
            if member["mentioned"] or not member["muted"]:
                subscriptions = self._subscriptions(member["participant_id"])
                taken += sum(self._notify(found, json.dumps(shown)) for found in subscriptions)
        return taken

    def _subscriptions(self, user_id: str) -> list[dict[str, Any]]:
        query = "SELECT subscription FROM subscriptions WHERE user_id = ?"
        with self._lock:
            return [json.loads(row[0]) for row in self._database.execute(query, (user_id,))]

    def _notify(self, subscription: dict[str, Any], text: str) -> bool:
        if self._send(subscription, text):
            return True
        with self._lock, self._database:
            self._database.execute("DELETE FROM subscriptions WHERE endpoint = ?", (subscription["endpoint"],))
        return False
