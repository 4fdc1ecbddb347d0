"""An e-mail digest of the messages that a user has missed while offline, from the product's copy of the chat.

The chat lists, with each message, the members that are offline. Run `send` from time to time, for example hourly
by cron. Each message is in one digest of a user at most: the notes are deleted before the e-mail is sent, so that
a crash loses a digest, and sends none twice.
"""

from __future__ import annotations

import smtplib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from email.message import EmailMessage
from pathlib import Path
from threading import Lock
from typing import Any

from examples.product.mirror import Message, Mirror

MAX_MESSAGES = 20
PREVIEW_CHARACTERS = 120
Send = Callable[[EmailMessage], None]


def smtp_sender(host: str, port: int = 25) -> Send:
    """Return a sender by an SMTP server."""

    def send(mail: EmailMessage) -> None:
        with smtplib.SMTP(host, port, timeout=10) as server:
            server.send_message(mail)

    return send


class Digests:
    """Stores which messages users have missed, and sends digests of them."""

    def __init__(self, path: Path | str, mirror: Mirror, send: Send, sender: str) -> None:
        """`sender` is the address in `From`."""
        self._mirror = mirror
        self._send = send
        self._sender = sender
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS missed (user_id TEXT, conversation_id TEXT, sequence_id INTEGER,"
                " PRIMARY KEY (user_id, conversation_id, sequence_id))"
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def note(self, message: Mapping[str, Any], members: Iterable[Mapping[str, Any]]) -> None:
        """Store the members that were offline at a message, and had not muted it, by its notify list."""
        missed = [
            (member["participant_id"], message["conversation_id"], message["sequence_id"])
            for member in members
            if member["reason"] == "offline" and (member["mentioned"] or not member["muted"])
        ]
        with self._lock, self._database:
            self._database.executemany("INSERT OR IGNORE INTO missed VALUES (?, ?, ?)", missed)

    def send(self, user_id: str, address: str, read_up_to: Mapping[str, int]) -> int:
        """Send a digest, unless there is nothing new; return how many messages are new.

        `read_up_to` has the user's read pointer in each of their conversations, as `GET /conversations` for the
        user returns it.
        """
        new = [message for chat, read in read_up_to.items() for message in self._new(user_id, chat, read)]
        if new:
            self._send(self._mail(address, new))
        return len(new)

    def _new(self, user_id: str, conversation_id: str, read_up_to: int) -> list[Message]:
        """Return the messages that were missed and are still unread, and delete the notes."""
        with self._lock, self._database:
            query = "DELETE FROM missed WHERE user_id = ? AND conversation_id = ? RETURNING sequence_id"
            missed = {row[0] for row in self._database.execute(query, (user_id, conversation_id))}
        unread = {sequence_id for sequence_id in missed if sequence_id > read_up_to}
        messages = self._mirror.messages(conversation_id) if unread else []
        return [found for found in messages if found.sequence_id in unread and found.content is not None]

    def _mail(self, address: str, new: list[Message]) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, address
        mail["Subject"] = "1 new message" if len(new) == 1 else f"{len(new)} new messages"
        lines = [f"{found.sender_id}: {(found.content or '')[:PREVIEW_CHARACTERS]}" for found in new]
        more = [f"… and {len(new) - MAX_MESSAGES} more"] if len(new) > MAX_MESSAGES else []
        mail.set_content("\n".join(lines[:MAX_MESSAGES] + more))
        return mail
