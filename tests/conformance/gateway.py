"""The gateway of the conformance suite: logs by history, commands, pushes. It has no faults by itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.conformance.histories import Histories, JsonObject

CREATED_AT = "2026-11-29T12:00:00.000Z"
PING_INTERVAL = 5
NOT_REFUSED = {"hello", "auth", "ping", "typing", "unsubscribe"}
"""Commands of an expired token that are executed, or that have no answer."""
PAGE = 20
RETRYABLE = {"UNAVAILABLE", "RATE_LIMITED", "INTERNAL", "CONVERSATION_BUSY"}
ME: JsonObject = {"participant_id": "alice", "name": "Alice", "type": "human"}
BOB: JsonObject = {"participant_id": "bob", "name": "Bob", "type": "human"}
Addressed = tuple[Any, JsonObject]
"""A socket, and a frame to its client."""


@dataclass
class Session:
    """One connection: its subscriptions, and the highest `n` for each conversation."""

    token: str = ""
    subscribed: set[str] = field(default_factory=set)
    orders: dict[str, int] = field(default_factory=dict)
    has_feed: bool = False


class Gateway(Histories):
    """Executes one command after the other."""

    def __init__(self, *conversations: str) -> None:
        super().__init__(conversations)
        created = {"type": "conversation_created", "sender": BOB, "title": "A", "participants": []}
        self.sessions: dict[Hashable, Session] = {}
        self.committed: list[tuple[str, JsonObject]] = []
        """The events that are not pushed yet, with their conversations: here, pushes follow a commit at once."""
        self.is_refusing = False
        self.transient_code = "UNAVAILABLE"
        self.read_up_to: dict[str, int] = {}
        self.busy = 0
        """How many of the next commands are answered by a transient error."""
        self._bodies: dict[str, str] = {}
        for name in conversations:
            self.append(name, dict(created))

    def restore(self, kept: int) -> None:
        """Continue from a backup with up to `kept` events of each log, as another history."""
        self._begin_history(kept)
        self.read_up_to = {name: min(number, len(self.logs[name])) for name, number in self.read_up_to.items()}
        self.sessions.clear()

    def append(self, conversation_id: str, event: JsonObject) -> list[Addressed]:
        """Append an event; return the pushes."""
        log = self.logs[conversation_id]
        identity = {
            "conversation_id": conversation_id,
            "sequence_id": len(log) + 1,
            "created_at": CREATED_AT,
            "made_in": self.history_id,
        }
        log.append(event | identity)
        self._note_place(log[-1])
        push = self._frame("events", conversation_id=conversation_id, events=[log[-1]])
        subscribers = [number for number, each in self.sessions.items() if conversation_id in each.subscribed]
        return [(number, push) for number in subscribers]

    def append_many(self, conversation_id: str, count: int) -> None:
        """Append messages of another participant whose pushes are all lost."""
        log = self.logs[conversation_id]
        common = {
            "type": "message",
            "sender": BOB,
            "conversation_id": conversation_id,
            "created_at": CREATED_AT,
            "content": "of many",
            "made_in": self.history_id,
        }
        log.extend({**common, "sequence_id": number} for number in range(len(log) + 1, len(log) + 1 + count))

    def fan_out(self, _index: int) -> list[Addressed]:
        """Return the pushes of any of the former commits."""
        return []

    def conversations(self) -> JsonObject:
        """Return the first page of the list: clients without a list look at the status only."""
        return {}

    def execute(self, socket: Hashable, command: JsonObject) -> list[Addressed]:
        """Execute a command of a connection; return the replies and pushes. A closed one gets none."""
        replies, pushes = self._execute(socket, command)
        answered = [(socket, {"id": command.get("id"), **reply}) for reply in replies]
        return [(number, frame) for number, frame in [*answered, *pushes] if number in self.sessions]

    def execute_request(self, batch: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        """Execute a batch that came by HTTP; return the answer and the pushes."""
        replies, pushes = self._batch(batch)
        return replies[0], [(number, frame) for number, frame in pushes if number in self.sessions]

    def _is_unauthorized(self, socket: Hashable, command: JsonObject) -> bool:
        session = self.sessions.get(socket)
        return session is not None and self.is_expired(session.token) and command["type"] not in NOT_REFUSED

    def _execute(self, socket: Hashable, command: JsonObject) -> tuple[list[JsonObject], list[Addressed]]:
        if self._is_unauthorized(socket, command):
            return [self._error(command, "TOKEN_EXPIRED", retryable=False)], []
        session = self.sessions.get(socket, Session())
        match command["type"]:
            case "hello":
                entries = [{**entry, "n": command["n"]} for entry in command["subscribe"]]
                history = {"history_id": command.get("history_id")}
                return [
                    self._welcome(session),
                    *(self._subscribe(session, entry | history) for entry in entries),
                ], []
            case "subscribe":
                return [self._subscribe(session, command)], []
            case "sync":
                return [self._page("sync", command)], []
            case "ping":
                heads = {name: len(self.logs[name]) for name in command.get("heads", {})}
                return [self._frame("pong", server_time=CREATED_AT, heads=heads)], []
            case "auth":
                session.token = command["token"]
                return [{"type": "auth_ok", "expires_at": self._expires_at(session)}], []
            case "batch":
                return self._batch(command)
            case "read":
                return [self._read(command)], []
            case "typing" | "unsubscribe":
                session.subscribed -= {command["conversation_id"]} if command["type"] == "unsubscribe" else set()
                return [], []
            case _:
                reply, pushes = self._append_command(command)
                return [reply], pushes

    def _frame(self, kind: str, **fields: object) -> JsonObject:
        return {"type": kind, "history_id": self.history_id, **fields}

    def _expires_at(self, session: Session) -> str:
        expiry = self.expiries.get(session.token, self.now + 360_000)
        return datetime.fromtimestamp(expiry, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _welcome(self, session: Session) -> JsonObject:
        limits = {"frame_bytes": 32_768}
        timing = {"ping_interval": PING_INTERVAL, "typing_expires": 6, "expires_at": self._expires_at(session)}
        return self._frame("welcome", connection_id="c", participant=ME, protocol=1, limits=limits, **timing)

    def _error(self, command: JsonObject, code: str, retryable: bool) -> JsonObject:
        error = {"type": "error", "code": code, "message": code, "retryable": retryable}
        return error | ({"retry_after": 1.0} if retryable else {}) | self._correlation(command)

    def _correlation(self, command: JsonObject) -> JsonObject:
        return {name: command[name] for name in ("id", "conversation_id", "client_message_id") if name in command}

    def _subscribe(self, session: Session, command: JsonObject) -> JsonObject:
        conversation_id = command["conversation_id"]
        if command["n"] < session.orders.get(conversation_id, -1):
            return self._frame("superseded", conversation_id=conversation_id)
        session.orders[conversation_id] = command["n"]
        session.subscribed.add(conversation_id)
        return self._page("subscribed", command)

    def _page(self, kind: str, command: JsonObject) -> JsonObject:
        log, after = self.logs[command["conversation_id"]], command.get("after")
        named = command.get("history_id") or self.history_id
        is_void = after is not None and (named != self.history_id or after > len(log))
        if after is None or is_void:
            events, has_more = log[-PAGE:], len(log) > PAGE
        else:
            events, has_more = log[after : after + PAGE], len(log) > after + PAGE
        reply = self._frame(kind, conversation_id=command["conversation_id"], head=len(log), events=events)
        first = events[0]["sequence_id"] if events else len(log) + 1
        reply |= {"participants": [ME, BOB], "read_up_to": self.read_up_to.get(command["conversation_id"], 0)}
        reply |= {"unread_count": 0}
        return reply | {"has_more": has_more, "first_sequence_id": first} | ({"reset": True} if is_void else {})

    def _batch(self, command: JsonObject) -> tuple[list[JsonObject], list[Addressed]]:
        results: list[JsonObject] = []
        pushes: list[Addressed] = []
        failed: set[str] = set()
        for part in command["commands"]:
            if part["conversation_id"] in failed:
                results.append(self._error(part, "NOT_ATTEMPTED", retryable=True))
                continue
            reply, its_pushes = self._append_command(part)
            if reply["type"] == "error":
                failed.add(part["conversation_id"])
            results.append({"id": part["id"], **reply})
            pushes += its_pushes
        return [self._frame("batch_result", results=results)], pushes

    def _append_command(self, command: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        conversation_id = command["conversation_id"]
        if self._is_of_another_history(command):
            return self._other_history(command), []
        if self.busy:
            self.busy -= 1
            return self._error(command, self.transient_code, retryable=self.transient_code in RETRYABLE), []
        if command["type"] != "message":
            return self._update(command)
        key = command["client_message_id"]
        body = self._bodies.setdefault(key, command["content"])
        assert body == command["content"], "another body under a known id would never reach the log"
        if (known := self.place(conversation_id, key)) is not None:
            return self._ack(command, known, duplicate=True), []
        if self.is_refusing:
            return self._error(command, "MUTED", retryable=False), []
        seen = command.get("seen", 0)
        if seen > len(self.logs[conversation_id]):
            return self._error(command, "VALIDATION_FAILED", retryable=False), []
        self._move_pointer(conversation_id, seen)
        event = {
            "type": "message",
            "sender": ME,
            "message_id": f"msg_{key}",
            "client_message_id": key,
            "content": command["content"],
        }
        pushes = self.append(conversation_id, event)
        head = len(self.logs[conversation_id])
        if self.read_up_to[conversation_id] == head - 1:
            self.read_up_to[conversation_id] = head
        return self._ack(command, len(self.logs[conversation_id]), duplicate=False), pushes

    def _is_of_another_history(self, command: JsonObject) -> bool:
        if {"target", "reply_to", "seen", "sequence_id"} & command.keys():
            assert "history_id" in command, "a command with sequence ids names no history"
            return bool(command["history_id"] != self.history_id)
        return False

    def _other_history(self, command: JsonObject) -> JsonObject:
        return self._error(command, "POSITION_UNKNOWN", retryable=False) | {"history_id": self.history_id}

    def _read(self, command: JsonObject) -> JsonObject:
        conversation_id = command["conversation_id"]
        if self._is_of_another_history(command):
            return self._other_history(command)
        self._move_pointer(conversation_id, command["sequence_id"])
        pointer = self.read_up_to[conversation_id]
        return self._frame("read_ack", conversation_id=conversation_id, read_up_to=pointer, unread_count=0)

    def _move_pointer(self, conversation_id: str, number: int) -> None:
        assert number <= len(self.logs[conversation_id])
        self.read_up_to[conversation_id] = max(number, self.read_up_to.get(conversation_id, 0))

    def _ack(self, command: JsonObject, sequence_id: int, duplicate: bool) -> JsonObject:
        ack = self._frame("message_ack", sequence_id=sequence_id, duplicate=duplicate, created_at=CREATED_AT)
        return ack | self._correlation(command) | {"message_id": f"msg_{command['client_message_id']}"}

    def _update(self, command: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        conversation_id, target = command["conversation_id"], command["target"]
        log = self.logs[conversation_id]
        if not 1 <= target <= len(log) or log[target - 1]["type"] != "message":
            return self._error(command, "VALIDATION_FAILED", retryable=False), []
        kinds = {"edit": "message_edited", "delete": "message_deleted", "react": "reaction_added"}
        event = {"type": kinds.get(command["type"], "reaction_removed"), "sender": ME, "target": target}
        event |= {name: command[name] for name in ("content", "emoji") if name in command}
        pushes = self.append(conversation_id, event)
        return self._frame("ack", conversation_id=conversation_id, sequence_id=len(log)), pushes
