"""The gateway of the conformance suite: logs by history, commands, pushes. It has no faults by itself.

Its frames and answers are as published; `tests/conformance/tab.py` checks each that a client gets.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from specs.error_codes import codes
from tests.conformance.histories import Histories, JsonObject
from tests.conformance.refusals import OF_REQUESTS, Refusals

CREATED_AT = "2026-11-29T12:00:00.000Z"
PING_INTERVAL = 5
PAGE = 20
ERRORS = codes()
WITH_RETRY_AFTER = {"UNAVAILABLE", "RATE_LIMITED", "CONVERSATION_BUSY"}
RETRY_AFTER = 1.0
ME: JsonObject = {"participant_id": "alice", "name": "Alice", "type": "human"}
BOB: JsonObject = {"participant_id": "bob", "name": "Bob", "type": "human"}
MEMBER: JsonObject = {"role": "member", "joined_at": CREATED_AT, "online": True}
UNKNOWN: JsonObject = {
    "type": "disconnect",
    "code": "UNAUTHORIZED",
    "reason": "This socket is not known any more.",
    "reconnect": True,
}
"""The answer to a command of a connection that the server has deleted."""
Addressed = tuple[Any, JsonObject]
"""A socket, and a frame to its client."""


@dataclass
class Session:
    """One connection: its subscriptions, and the highest `n` for each conversation."""

    token: str = ""
    subscribed: set[str] = field(default_factory=set)
    orders: dict[str, int] = field(default_factory=dict)
    has_feed: bool = False
    is_stale: bool = False
    """Whether a push was answered with 410: there are no further ones until the next command."""
    is_forgotten: bool = False
    """Whether the next command is answered by `disconnect`: the server has deleted the connection."""


class Gateway(Histories):
    """Executes one command after the other."""

    def __init__(self, *conversations: str) -> None:
        super().__init__(conversations)
        created = {"type": "conversation_created", "sender": BOB, "title": "A", "participants": []}
        self.sessions: dict[Hashable, Session] = {}
        self.committed: list[tuple[str, JsonObject]] = []
        """The events that are not pushed yet, with their conversations: here, pushes follow a commit at once."""
        self.refusals = Refusals()
        self.final_codes: dict[str, set[str]] = {}
        """By client_message_id: the codes that have refused the message itself, for good."""
        self.is_refusing = False
        self.transient_code = "UNAVAILABLE"
        self.read_up_to = dict.fromkeys(conversations, 1)
        """By conversation: the participant has joined by its first event."""
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
        }
        if event["type"] == "message":
            identity["message_id"] = message_id(event.get("client_message_id", f"other-{len(log) + 1}"))
        log.append(event | identity)
        self._note_place(log[-1])
        push = self._frame("events", conversation_id=conversation_id, events=[log[-1]])
        return [(socket, push) for socket in self._reachable(conversation_id)]

    def claim_gone(self, socket: Hashable, index: int) -> None:
        """Answer posts to an open connection with 410: it gets no pushes, and its commands are answered.

        Its next command lets it have pushes again, but has subscribed it to nothing any more, or is answered
        by `disconnect`, as the index says.
        """
        if (session := self.sessions.get(socket)) is None:
            return
        session.is_stale = True
        if index % 3 == 1:
            session.subscribed.clear()
        session.is_forgotten = index % 3 == 2
        self.refusals.happened["a connection claimed gone"] += 1

    def end_faults(self) -> None:
        """Refuse nothing, and claim nothing any more. Subscriptions that were lost stay so."""
        self.refusals.end()
        self.busy, self.is_refusing = 0, False
        for session in self.sessions.values():
            session.is_stale = session.is_forgotten = False

    def _reachable(self, conversation_id: str) -> list[Hashable]:
        """Return the sockets that get the pushes of a conversation."""
        subscribed = [(key, each) for key, each in self.sessions.items() if conversation_id in each.subscribed]
        self.refusals.happened["a push answered 410"] += sum(each.is_stale for _, each in subscribed)
        return [key for key, each in subscribed if not each.is_stale]

    def append_many(self, conversation_id: str, count: int) -> None:
        """Append messages of another participant whose pushes are all lost."""
        log = self.logs[conversation_id]
        common = {
            "type": "message",
            "sender": BOB,
            "conversation_id": conversation_id,
            "created_at": CREATED_AT,
            "content": "of many",
            "message_id": "msg_of-many",
        }
        log.extend({**common, "sequence_id": number} for number in range(len(log) + 1, len(log) + 1 + count))

    def fan_out(self, _index: int) -> list[Addressed]:
        """Return the pushes of any of the former commits."""
        return []

    def conversations(self) -> JsonObject:
        """Return the first page of the list: clients without a list look at the status only."""
        return {"conversations": []}

    def execute(self, socket: Hashable, command: JsonObject) -> list[Addressed]:
        """Execute a command of a connection; return the replies and pushes. A closed one gets none."""
        session = self.sessions.get(socket, Session())
        if session.is_forgotten:
            del self.sessions[socket]
            self.refusals.happened["a command answered by disconnect"] += 1
            return [(socket, dict(UNKNOWN))]
        session.is_stale = False
        code = "TOKEN_EXPIRED" if self._has_expired(session, command) else None
        code = code or self.refusals.of_command(command["type"])
        replies, pushes = ([self._error(command, code)], []) if code else self._execute(socket, command)
        answered = [(socket, {"id": command.get("id"), **reply}) for reply in replies]
        return [(number, frame) for number, frame in [*answered, *pushes] if number in self.sessions]

    def execute_request(self, batch: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        """Execute a batch that came by HTTP; return the body of the answer and the pushes."""
        results, pushes = self._results(batch["commands"])
        body = {"results": [{**result, "status": status_of(result)} for result in results]}
        return body, [(number, frame) for number, frame in pushes if number in self.sessions]

    def refused_request(self, request: JsonObject) -> tuple[int, JsonObject] | None:
        """Return the status and the body that refuse a request by HTTP, or None if it is executed."""
        refusal = self.refusals.of_request(request["path"])
        if self.is_expired(request["token"]):
            refusal = (401, "UNAUTHORIZED")
        is_batch = request["path"] == "/batch"
        if refusal is None and is_batch and (code := self.refusals.of_batch()):
            refusal = (ERRORS[code].status, code)
        if refusal is None:
            return None
        status, code = refusal
        for command in request["body"]["commands"] if is_batch else ():
            self._note_final(command, code, len(request["body"]["commands"]))
        return self.refusal(status, code)

    def refusal(self, status: int, code: str | None = None) -> tuple[int, JsonObject]:
        """Return a status with the body of its error."""
        code = code or next((code for known, code in OF_REQUESTS if known == status), "UNAVAILABLE")
        return status, {"error": self._problem(code), "request_id": "request"}

    def _has_expired(self, session: Session, command: JsonObject) -> bool:
        return self.is_expired(session.token) and command["type"] != "auth"

    def _execute(self, socket: Hashable, command: JsonObject) -> tuple[list[JsonObject], list[Addressed]]:
        session = self.sessions.get(socket, Session())
        match command["type"]:
            case "hello":
                entries = [{**entry, "n": command["n"]} for entry in command["subscribe"]]
                history = {"history_id": command.get("history_id")}
                return [
                    self._welcome(session),
                    *(self._subscribe_first(session, entry | history) for entry in entries),
                ], []
            case "subscribe":
                return [self._subscribe(session, command)], []
            case "sync":
                return [self._page("sync", command)], []
            case "ping":
                heads = {name: len(self.logs[name]) for name in command.get("heads", {})}
                return [self._frame("pong", server_time=CREATED_AT, heads=heads)], []
            case "auth" if self.is_expired(command["token"]):
                return [self._error(command, "UNAUTHORIZED")], []
            case "auth":
                session.token = command["token"]
                return [{"type": "auth_ok", "expires_at": self._expires_at(session)}], []
            case "batch":
                return self._batch(command)
            case "read":
                return [self._read(command)], []
            case "unsubscribe":
                return [self._unsubscribe(session, command)], []
            case "typing":
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

    def _error(self, command: JsonObject, code: str) -> JsonObject:
        self._note_final(command, code)
        error = {"type": "error", **self._problem(code), "retryable": ERRORS[code].retryable}
        return error | self._correlation(command)

    def _problem(self, code: str) -> JsonObject:
        retry_after = {"retry_after": RETRY_AFTER} if code in WITH_RETRY_AFTER else {}
        return {"code": code, "message": ERRORS[code].default_message, **retry_after}

    def _note_final(self, command: JsonObject, code: str, of: int = 1) -> None:
        """Note a code that is about one message, and not about a batch of several commands."""
        if of == 1 and "client_message_id" in command:
            self.final_codes.setdefault(command["client_message_id"], set()).add(code)

    def _correlation(self, command: JsonObject) -> JsonObject:
        return {name: command[name] for name in ("id", "conversation_id", "client_message_id") if name in command}

    def _subscribe(self, session: Session, command: JsonObject) -> JsonObject:
        conversation_id = command["conversation_id"]
        if command["n"] < session.orders.get(conversation_id, -1):
            return {"type": "superseded", "conversation_id": conversation_id}
        session.orders[conversation_id] = command["n"]
        session.subscribed.add(conversation_id)
        return self._page("subscribed", command)

    def _subscribe_first(self, session: Session, entry: JsonObject) -> JsonObject:
        """Subscribe to a conversation that `hello` names, or answer with an error about it."""
        code = self.refusals.of_command("entry of hello")
        return self._error(entry, code) if code else self._subscribe(session, entry)

    def _unsubscribe(self, session: Session, command: JsonObject) -> JsonObject:
        conversation_id = command["conversation_id"]
        if command["n"] < session.orders.get(conversation_id, -1):
            return {"type": "superseded", "conversation_id": conversation_id}
        session.orders[conversation_id] = command["n"]
        session.subscribed.discard(conversation_id)
        return {"type": "unsubscribed", "conversation_id": conversation_id}

    def _page(self, kind: str, command: JsonObject) -> JsonObject:
        log, after = self.logs[command["conversation_id"]], command.get("after")
        named = command.get("history_id") or self.history_id
        is_void = after is not None and (named != self.history_id or after > len(log))
        if after is None or is_void:
            events, has_more = log[-PAGE:], len(log) > PAGE
        else:
            events, has_more = log[after : after + PAGE], len(log) > after + PAGE
        reply = self._frame(kind, conversation_id=command["conversation_id"], head=len(log), events=events)
        pointer = self.read_up_to[command["conversation_id"]]
        participants = [{**MEMBER, **ME, "read_up_to": pointer}, {**MEMBER, **BOB, "read_up_to": 0}]
        reply |= {"participants": participants, "read_up_to": pointer, "unread_count": 0, "has_more": has_more}
        if kind == "subscribed":
            reply["first_sequence_id"] = events[0]["sequence_id"] if events else len(log) + 1
        return reply | ({"reset": True} if is_void else {})

    def _batch(self, command: JsonObject) -> tuple[list[JsonObject], list[Addressed]]:
        commands = command["commands"]
        if (code := self.refusals.of_batch()) is not None:
            for part in commands:
                self._note_final(part, code, len(commands))
            return [self._error({"id": command["id"]}, code)], []
        results, pushes = self._results(commands)
        return [self._frame("batch_result", results=results)], pushes

    def _results(self, commands: list[JsonObject]) -> tuple[list[JsonObject], list[Addressed]]:
        results: list[JsonObject] = []
        pushes: list[Addressed] = []
        failed: set[str] = set()
        for part in commands:
            if part["conversation_id"] in failed:
                results.append(self._error(part, "NOT_ATTEMPTED"))
                continue
            reply, its_pushes = self._append_command(part)
            if reply["type"] == "error":
                failed.add(part["conversation_id"])
            results.append({"id": part["id"], **reply})
            pushes += its_pushes
        return results, pushes

    def _append_command(self, command: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        conversation_id = command["conversation_id"]
        if self._is_of_another_history(command):
            return self._other_history(command), []
        if self.busy:
            self.busy -= 1
            return self._error(command, self.transient_code), []
        if command["type"] != "message":
            return self._update(command)
        key = command["client_message_id"]
        body = self._bodies.setdefault(key, command["content"])
        assert body == command["content"], "another body under a known id would never reach the log"
        if (known := self.place(conversation_id, key)) is not None:
            return self._ack(command, known, duplicate=True), []
        if self.is_refusing:
            return self._error(command, "MUTED"), []
        seen = command.get("seen", 0)
        if seen > len(self.logs[conversation_id]):
            details = [{"path": "seen", "problem": "must not be beyond the head of the conversation"}]
            return self._error(command, "VALIDATION_FAILED") | {"details": details}, []
        self._move_pointer(conversation_id, seen)
        event = {
            "type": "message",
            "sender": ME,
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
        return self._error(command, "POSITION_UNKNOWN") | {"history_id": self.history_id}

    def _read(self, command: JsonObject) -> JsonObject:
        conversation_id = command["conversation_id"]
        if self._is_of_another_history(command):
            return self._other_history(command)
        self._move_pointer(conversation_id, command["sequence_id"])
        pointer = self.read_up_to[conversation_id]
        return self._frame("read_ack", conversation_id=conversation_id, read_up_to=pointer, unread_count=0)

    def _move_pointer(self, conversation_id: str, number: int) -> None:
        assert number <= len(self.logs[conversation_id])
        self.read_up_to[conversation_id] = max(number, self.read_up_to[conversation_id])

    def _ack(self, command: JsonObject, sequence_id: int, duplicate: bool) -> JsonObject:
        ack = self._frame("message_ack", sequence_id=sequence_id, duplicate=duplicate, created_at=CREATED_AT)
        return ack | self._correlation(command) | {"message_id": message_id(command["client_message_id"])}

    def _update(self, command: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        conversation_id, target = command["conversation_id"], command["target"]
        log = self.logs[conversation_id]
        if not 1 <= target <= len(log) or log[target - 1]["type"] != "message":
            return self._error(command, "VALIDATION_FAILED"), []
        kinds = {"edit": "message_edited", "delete": "message_deleted", "react": "reaction_added"}
        event = {"type": kinds.get(command["type"], "reaction_removed"), "sender": ME, "target": target}
        event |= {name: command[name] for name in ("content", "emoji") if name in command}
        pushes = self.append(conversation_id, event)
        return self._frame("ack", conversation_id=conversation_id, sequence_id=len(log)), pushes


def message_id(key: str) -> str:
    """Return the id of a message with a client_message_id, which can have any characters."""
    return "msg_" + re.sub(r"[^\w-]", "-", key, flags=re.ASCII)


def status_of(result: JsonObject) -> int:
    """Return the status that a command of a batch would have alone."""
    match result["type"]:
        case "error":
            return ERRORS[result["code"]].status
        case "message_ack":
            return 200 if result["duplicate"] else 201
        case _:
            return 200
