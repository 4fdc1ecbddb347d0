"""The gateway with a feed: a list of conversations, and pushes that follow each commit after some time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from tests.conformance.gateway import BOB, CREATED_AT, ME, MEMBER, Addressed, Gateway, Session
from tests.conformance.histories import JsonObject, Log

PING_INTERVAL = 240
"""Longer than a schedule: no ping repairs a row."""


class ListGateway(Gateway):
    """Sends each event to those who are subscribed when it is pushed, and activity to others with a feed."""

    def __init__(self, *conversations: str) -> None:
        self.left: set[str] = set()
        """The conversations that the participant was removed from."""
        super().__init__(*conversations)
        self.committed.clear()

    def append(self, conversation_id: str, event: JsonObject) -> list[Addressed]:
        """Append an event; `fan_out` returns its pushes later."""
        super().append(conversation_id, event)
        self.committed.append((conversation_id, self.logs[conversation_id][-1]))
        return []

    def fan_out(self, index: int) -> list[Addressed]:
        """Return the pushes of any of the commits."""
        if not self.committed:
            return []
        conversation_id, event = self.committed.pop(index % len(self.committed))
        if conversation_id in self.left:
            return []
        subscribers = self._reachable(conversation_id)
        others = [
            socket
            for socket, each in self.sessions.items()
            if each.has_feed and not each.is_stale and conversation_id not in each.subscribed
        ]
        events = self._frame("events", conversation_id=conversation_id, events=[event])
        activity = self._activity(conversation_id, event)
        return [
            *((socket, events) for socket in subscribers),
            *((socket, frame) for socket in others for frame in activity),
        ]

    def row(self, conversation_id: str, head: int | None = None) -> JsonObject:
        """Return the entry of a conversation in the list, up to a head."""
        log = self.logs[conversation_id][:head]
        shown = self.folded(self.history_id, conversation_id).shown(1, len(log))
        pointer = self.read_up_to[conversation_id]
        unread = [
            each for each in shown if each["sequence_id"] > pointer and each["sender"] != ME["participant_id"]
        ]
        return {
            "conversation_id": conversation_id,
            "title": [event["title"] for event in log if "title" in event][-1],
            "created_at": CREATED_AT,
            "created_by": BOB["participant_id"],
            "updated_at": CREATED_AT,
            "join_policy": "invite",
            "metadata": {},
            "participant_count": 2,
            "head": len(log),
            "message_count": len(shown),
            "read_up_to": pointer,
            "unread_count": len(unread),
            "me": {"archived": False, "pinned": False, "notifications_muted": False},
            **({"last_message": _whole(log, shown[-1])} if shown else {}),
        }

    def conversations(self) -> JsonObject:
        """Return the first page of the list."""
        rows = [self.row(name) for name in self.logs if name not in self.left]
        return {"conversations": rows, "total_unread": sum(row["unread_count"] for row in rows)}

    def read_elsewhere(self, conversation_id: str) -> list[Addressed]:
        """Move the pointer by another device; return the pushes."""
        if conversation_id in self.left:
            return []
        self._move_pointer(conversation_id, len(self.logs[conversation_id]))
        return [(socket, self._own_read(conversation_id)) for socket in self.sessions]

    def remove(self, conversation_id: str) -> list[Addressed]:
        """End or begin the membership; return the pushes."""
        if conversation_id not in self.left:
            left = {
                "type": "participant_left",
                "sender": BOB,
                "participant": {**MEMBER, **ME},
                "reason": "removed",
            }
            self.append(conversation_id, left)
            self.left.add(conversation_id)
            for session in self.sessions.values():
                session.subscribed.discard(conversation_id)
            push = {"type": "conversation_removed", "conversation_id": conversation_id, "reason": "removed"}
        else:
            self.left.remove(conversation_id)
            joined = {
                "type": "participant_joined",
                "sender": BOB,
                "participant": {**MEMBER, **ME},
                "reason": "added",
            }
            self.append(conversation_id, joined)
            self._move_pointer(conversation_id, len(self.logs[conversation_id]))
            push = self._frame("conversation_added", conversation=self.row(conversation_id))
        return [(socket, push) for socket in self.sessions]

    def _activity(self, conversation_id: str, event: JsonObject) -> list[JsonObject]:
        """Return what connections with a feed get: nothing if a later frame follows."""
        row, present = self.row(conversation_id, event["sequence_id"]), self.row(conversation_id)
        about = {name: row[name] for name in ("conversation_id", "head", "message_count")}
        last = row.get("last_message", {}).get("sequence_id")
        is_own = event["type"] == "message" and event["sender"] == ME
        frames = [self._own_read(conversation_id, event["sequence_id"])] if is_own else []
        if "title" in event:
            frames.append(self._frame("activity", **about, title=event["title"]))
        elif row["message_count"] < present["message_count"]:
            pass
        elif (
            last is not None
            and event["type"] != "reaction_added"
            and last in {event["sequence_id"], event.get("target")}
        ):
            frames.append(self._frame("activity", **about, last_message=_preview(row["last_message"])))
        return frames

    def _own_read(self, conversation_id: str, head: int | None = None) -> JsonObject:
        row = self.row(conversation_id, head)
        counts = {name: row[name] for name in ("head", "message_count", "read_up_to", "unread_count")}
        about = {"conversation_id": conversation_id, "participant_id": ME["participant_id"]}
        return self._frame("read", **about, sequence_id=row["read_up_to"], **counts)

    def _execute(self, socket: Hashable, command: JsonObject) -> tuple[list[JsonObject], list[Addressed]]:
        session = self.sessions.get(socket, Session())
        conversation_id = command.get("conversation_id", "")
        if conversation_id in self.left:
            return [self._error(command, "NOT_FOUND")], []
        match command["type"]:
            case "hello":
                session.has_feed |= command.get("feed", False)
                return super()._execute(socket, {"subscribe": [], **command})
            case _:
                return super()._execute(socket, command)

    def _append_command(self, command: JsonObject) -> tuple[JsonObject, list[Addressed]]:
        if command["conversation_id"] in self.left:
            return self._error(command, "NOT_FOUND"), []
        return super()._append_command(command)

    def _begin_history(self, kept: int) -> None:
        self.committed.clear()
        super()._begin_history(kept)

    def _welcome(self, session: Session) -> JsonObject:
        return super()._welcome(session) | {
            "ping_interval": PING_INTERVAL,
            **({"feed": True} if session.has_feed else {}),
        }

    def _subscribe(self, session: Session, command: JsonObject) -> JsonObject:
        if command["conversation_id"] in self.left:
            return self._error(command, "NOT_FOUND")
        return super()._subscribe(session, command)

    def _page(self, kind: str, command: JsonObject) -> JsonObject:
        return super()._page(kind, command) | {"unread_count": self._unread(command)}

    def _read(self, command: JsonObject) -> JsonObject:
        reply = super()._read(command)
        return reply | ({"unread_count": self._unread(command)} if reply["type"] == "read_ack" else {})

    def _unread(self, command: JsonObject) -> Any:
        return self.row(command["conversation_id"])["unread_count"]


def _whole(log: Log, shown: JsonObject) -> JsonObject:
    """Return a message as pages have it."""
    event = log[shown["sequence_id"] - 1]
    changed = {"deleted_at": CREATED_AT} if shown["is_deleted"] else {"content": shown["content"]}
    return {name: value for name, value in event.items() if name != "content"} | changed


def _preview(message: JsonObject) -> JsonObject:
    """Return a message as activity has it."""
    names = ("sequence_id", "message_id", "created_at", "sender", "content", "deleted_at")
    return {name: message[name] for name in names if name in message}
