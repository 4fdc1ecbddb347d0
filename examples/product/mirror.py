"""The product's copy of all messages, in SQLite, from the events that the chat sends to a webhook.

A delivery can arrive twice, and one can follow events that this database has never seen, such as after it was
restored from a backup. So each conversation has a position, and missing events are read from the chat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from serverless_chat import RefusedError

DEPLOYMENT_LOG = "deployment"
"""The `conversation_id` of events that belong to no conversation."""
Event = dict[str, Any]
ReadLog = Callable[[str, int], Iterable[Event]]
"""Returns the events of a conversation after a position, as the chat has them now. Raises RefusedError."""


class Message(NamedTuple):
    """A message as it is now; without content if it was deleted, erased or has expired."""

    conversation_id: str
    sequence_id: int
    sender_id: str
    content: str | None


class Mirror:
    """Applies deliveries. A repeat changes nothing."""

    def __init__(self, path: Path | str, read_log: ReadLog) -> None:
        self._read_log = read_log
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._database:
            self._database.executescript(
                """
                CREATE TABLE IF NOT EXISTS logs (
                    conversation_id TEXT PRIMARY KEY, history_id TEXT NOT NULL, position INTEGER NOT NULL);
                CREATE TABLE IF NOT EXISTS messages (
                    conversation_id TEXT, sequence_id INTEGER, sender_id TEXT NOT NULL, content TEXT,
                    PRIMARY KEY (conversation_id, sequence_id));
                CREATE TABLE IF NOT EXISTS members (
                    conversation_id TEXT, participant_id TEXT, PRIMARY KEY (conversation_id, participant_id));
                """
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def messages(self, conversation_id: str) -> list[Message]:
        """Return the messages of a conversation in their order."""
        query = "SELECT * FROM messages WHERE conversation_id = ? ORDER BY sequence_id"
        with self._lock:
            return [Message(*row) for row in self._database.execute(query, (conversation_id,))]

    def members(self, conversation_id: str) -> list[str]:
        """Return the ids of the participants of a conversation."""
        query = "SELECT participant_id FROM members WHERE conversation_id = ? ORDER BY participant_id"
        with self._lock:
            return [row[0] for row in self._database.execute(query, (conversation_id,))]

    def receive(self, delivery: Mapping[str, Any]) -> list[Event]:
        """Apply the `data` of a delivery in one transaction, and return the events that are new."""
        conversation_id, events = delivery["conversation_id"], delivery["events"]
        with self._lock, self._database:
            position = self._position(conversation_id)
            is_of_chat = conversation_id != DEPLOYMENT_LOG and events[0]["type"] != "log_reset"
            if is_of_chat and delivery["previous_sequence_id"] > position:
                # This database has missed events. Those that the chat has now include the delivery.
                events = self._read(conversation_id, position, events)
            new: list[Event] = []
            for event in events:
                if event["type"] == "log_reset":
                    self._reset(conversation_id, event["history_id"], event["head"])
                elif event["sequence_id"] > self._position(conversation_id):
                    self._apply(conversation_id, event)
                    self._move(conversation_id, delivery["history_id"], event["sequence_id"])
                    new.append(event)
            return new

    def _read(self, conversation_id: str, after: int, otherwise: Iterable[Event] = ()) -> list[Event]:
        """Return the events of a conversation after a position; others if it was deleted meanwhile."""
        try:
            return [*self._read_log(conversation_id, after)]
        except RefusedError as error:
            if error.code != "NOT_FOUND":
                raise
            return [*otherwise]

    # ---- positions -------------------------------------------------------------------------------------

    def _position(self, conversation_id: str) -> int:
        query = "SELECT position FROM logs WHERE conversation_id = ?"
        row = self._database.execute(query, (conversation_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def _move(self, conversation_id: str, history_id: str, position: int) -> None:
        row = (conversation_id, history_id, position)
        self._database.execute("INSERT OR REPLACE INTO logs VALUES (?, ?, ?)", row)

    def _reset(self, conversation_id: str, history_id: str, head: int) -> None:
        """Drop what the chat has lost by a restore: everything above `head`, and what it changed below."""
        position = min(self._position(conversation_id), head)
        self._forget(conversation_id)
        if position and conversation_id != DEPLOYMENT_LOG:
            for event in self._read(conversation_id, 0):
                if event["sequence_id"] <= position:
                    self._apply(conversation_id, event)
        if position:
            self._move(conversation_id, history_id, position)

    # ---- events ----------------------------------------------------------------------------------------

    def _apply(self, conversation_id: str, event: Event) -> None:
        """Apply an event; types that this copy does not need are skipped.

        The events of a conversation that was deleted meanwhile have no contents.
        """
        if conversation_id == DEPLOYMENT_LOG:
            if event["type"] in ("conversation_deleted", "conversation_purged"):
                self._forget(event["conversation_id"])
            return
        of_one = (conversation_id, event.get("target", 0))
        match event["type"]:
            case "message":
                row = (
                    conversation_id,
                    event["sequence_id"],
                    event["sender"]["participant_id"],
                    event.get("content"),
                )
                self._database.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)", row)
            case "message_edited" if "content" in event:
                change = "UPDATE messages SET content = ? WHERE conversation_id = ? AND sequence_id = ?"
                self._database.execute(change, (event["content"], *of_one))
            case "message_deleted":
                change = "UPDATE messages SET content = NULL WHERE conversation_id = ? AND sequence_id = ?"
                self._database.execute(change, of_one)
            case "content_expired" if "up_to" in event:
                change = "UPDATE messages SET content = NULL WHERE conversation_id = ? AND sequence_id <= ?"
                self._database.execute(change, (conversation_id, event["up_to"]))
            case "participant_erased":
                self._erase(conversation_id, event)
            case _:
                self._apply_to_members(conversation_id, event)

    def _apply_to_members(self, conversation_id: str, event: Event) -> None:
        joined = event.get("participants", []) if event["type"] == "conversation_created" else []
        if event["type"] == "participant_joined" and "participant" in event:
            joined = [event["participant"]]
        rows = [(conversation_id, member["participant_id"]) for member in joined]
        self._database.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", rows)
        if event["type"] == "participant_left" and "participant" in event:
            left = (conversation_id, event["participant"]["participant_id"])
            self._database.execute("DELETE FROM members WHERE conversation_id = ? AND participant_id = ?", left)

    def _erase(self, conversation_id: str, event: Event) -> None:
        """Remove the texts of a participant, who has a pseudonym from now on."""
        erased, pseudonym = event["sender"]["participant_id"], event["participant_id"]
        if erased != pseudonym:
            change = (
                "UPDATE messages SET sender_id = ?, content = NULL WHERE conversation_id = ? AND sender_id = ?"
            )
            self._database.execute(change, (pseudonym, conversation_id, erased))
            return
        # The event arrived after the chat had rewritten it, so the former id is unknown: read everything again.
        self._database.execute("DELETE FROM messages WHERE conversation_id = ?", (conversation_id,))
        for earlier in self._read(conversation_id, 0):
            if earlier["sequence_id"] < event["sequence_id"] and earlier["type"] != "participant_erased":
                self._apply(conversation_id, earlier)

    def _forget(self, conversation_id: str) -> None:
        for table in ("messages", "members", "logs"):
            self._database.execute(f"DELETE FROM {table} WHERE conversation_id = ?", (conversation_id,))  # noqa: S608
