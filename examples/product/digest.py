"""An e-mail digest of the messages that a user has not read, from the product's copy of the chat.

Run it from time to time, for example hourly by cron. Each message is in one digest of a user at most: `sent_up_to`
is stored before the e-mail is sent, so that a crash loses a digest, and sends none twice.
"""

from __future__ import annotations

import smtplib
import sqlite3
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from threading import Lock

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
    """Sends digests, and stores up to where each user has received them."""

    def __init__(self, path: Path | str, mirror: Mirror, send: Send, sender: str) -> None:
        """`sender` is the address in `From`."""
        self._mirror = mirror
        self._send = send
        self._sender = sender
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS digests (user_id TEXT, conversation_id TEXT,"
                " sent_up_to INTEGER NOT NULL, PRIMARY KEY (user_id, conversation_id))"
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

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
        """Return the messages of others that were neither read nor in a digest, and note that they are in one."""
        with self._lock, self._database:
            key = (user_id, conversation_id)
            query = "SELECT sent_up_to FROM digests WHERE user_id = ? AND conversation_id = ?"
            row = self._database.execute(query, key).fetchone()
            after = max(read_up_to, 0 if row is None else int(row[0]))
            later = [found for found in self._mirror.messages(conversation_id) if found.sequence_id > after]
            if later:
                values = (*key, later[-1].sequence_id)
                self._database.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", values)
        return [found for found in later if found.sender_id != user_id and found.content is not None]

    def _mail(self, address: str, new: list[Message]) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, address
        mail["Subject"] = "1 new message" if len(new) == 1 else f"{len(new)} new messages"
        lines = [f"{found.sender_id}: {(found.content or '')[:PREVIEW_CHARACTERS]}" for found in new]
        more = [f"… and {len(new) - MAX_MESSAGES} more"] if len(new) > MAX_MESSAGES else []
        mail.set_content("\n".join(lines[:MAX_MESSAGES] + more))
        return mail
