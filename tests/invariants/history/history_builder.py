"""Hand-written histories: a minimal ideal server, for the tests of the checker.

A builder turns sequential actions into the history that clients would have recorded. A test then corrupts it in
one way, and checks that the checker reports the violated law.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.invariants.history.checker import check
from tests.invariants.history.records import (
    HTTP,
    OK,
    Call,
    Expiry,
    History,
    Json,
    ReceivedFrame,
    ReplicaRecord,
    SocketRecord,
)
from tests.support.message_fields import CONTENT_FIELDS

CONVERSATION_ID = "conv_1"
LATER = "2026-01-01T12:00:00Z"
"""The end of mutes: long after the history."""
RETENTION_DAY = 4.0
"""Seconds: thirty days are two minutes, and events are one minute apart."""


class HistoryBuilder:
    """A conversation that the first participant creates, with the others of `inside` as members."""

    def __init__(self, people: Sequence[str], inside: Sequence[str] | None = None, policy: str = "invite") -> None:
        self.history = History(names={person: person.title() for person in people}, retention_day=RETENTION_DAY)
        self.log: list[Json] = []
        self.roles: dict[str, str] = {}
        self.pointers: dict[str, int] = {}
        self.subscribed: dict[str, str] = {}
        self.muted: set[str] = set()
        self._order = self._calls = self._heard = 0
        owner, *others = inside or people
        roles = {owner: "owner", **dict.fromkeys(others, "member")}
        founders = [
            {"participant_id": participant_id, "name": participant_id.title(), "role": role}
            for participant_id, role in roles.items()
        ]
        call = self.begin("create", owner, {"title": "T", "participants": founders[1:], "join_policy": policy})
        self.append("conversation_created", owner, title="T", participants=founders)
        self.roles = roles
        self.pointers = dict.fromkeys(roles, 1)
        self.end(call, {**self.view(owner), "participants": founders}, 201)
        for person in people:
            self.connect(person)

    # ---- parts -----------------------------------------------------------------------------------------

    def tick(self) -> int:
        """Return the next number of the order."""
        self._order += 1
        return self._order

    def begin(
        self, kind: str, participant_id: str, asked: Json, via: str = HTTP, conversation_id: str = CONVERSATION_ID
    ) -> Call:
        """Record a request."""
        call = Call(kind, participant_id, conversation_id, via, asked, self.tick(), self._order / 100)
        self.history.calls.append(call)
        return call

    def end(self, call: Call, answer: Any, status: int = 200, outcome: str = OK) -> Call:
        """Record its response."""
        call.answer, call.status, call.outcome = copy.deepcopy(answer), status, outcome
        call.ended, call.duration = self.tick(), 0.01
        return call

    def reject(self, call: Call, code: str = "NOT_FOUND") -> Call:
        """Record its rejection."""
        return self.end(call, {"error": {"code": code, "message": code}}, 404, code)

    def append(self, kind: str, sender: str, **fields: Any) -> Json:
        """Append an event to the log."""
        event = {
            "conversation_id": CONVERSATION_ID,
            "sequence_id": len(self.log) + 1,
            "type": kind,
            "created_at": f"2026-01-01T00:{len(self.log) + 1:02}:00Z",
            "sender": self.actor(sender),
            **fields,
        }
        self.log.append(event)
        return event

    def actor(self, participant_id: str) -> Json:
        """Return a participant as a sender."""
        return {
            "participant_id": participant_id,
            "name": self.history.names.get(participant_id, participant_id),
            "type": "human",
        }

    def push(self, event: Json, to: Sequence[str] | None = None) -> None:
        """Push an event to the subscribers, or to some participants."""
        for participant_id in self.subscribed if to is None else to:
            self.receive(participant_id, {"type": "event", "event": copy.deepcopy(event)})

    def receive(self, participant_id: str, frame: Json) -> None:
        """Record a push to a participant's socket."""
        self.history.received.append(
            ReceivedFrame(self.tick(), self._order / 100, participant_id, f"{participant_id} 0.0", frame)
        )

    def view(self, participant_id: str) -> Json:
        """Return the conversation as a member sees it."""
        messages = self.messages
        pointer = self.pointers.get(participant_id, 0)
        view = {
            "conversation_id": CONVERSATION_ID,
            "title": [event["title"] for event in self.log if "title" in event][-1],
            "updated_at": self.log[-1]["created_at"],
            "head": len(self.log),
            "participant_count": len(self.roles),
            "read_up_to": pointer,
            "unread_count": sum(
                1
                for event in messages
                if event["sequence_id"] > pointer and event["sender"]["participant_id"] != participant_id
            ),
        }
        return {**view, "last_message": messages[-1]} if messages else view

    # ---- actions ---------------------------------------------------------------------------------------

    def connect(self, participant_id: str) -> None:
        """Open a socket and send `hello`."""
        self.history.sockets.append(SocketRecord(f"{participant_id} 0.0", participant_id, self.tick()))
        self.end(
            self.begin("hello", participant_id, {}, f"{participant_id} 0.0", ""),
            {"type": "welcome", "connection_id": participant_id},
        )

    def subscribe(self, *people: str, n: int | None = None) -> None:
        """Subscribe some participants."""
        for participant_id in people:
            self.subscribed[participant_id] = f"{participant_id} 0.0"
            asked = {} if n is None else {"n": n}
            call = self.begin("subscribe", participant_id, asked, f"{participant_id} 0.0")
            answer = {"head": len(self.log), "first_sequence_id": 1, "events": self.log[-50:], "has_more": False}
            self.end(call, {"type": "subscribed", "conversation_id": CONVERSATION_ID, **answer})

    def send(self, participant_id: str, text: str, identity: str | None = None, *, push: bool = True) -> Call:
        """Send a message by HTTP and push it."""
        asked = {"content": text, **({"client_message_id": identity} if identity else {})}
        call = self.begin("send", participant_id, asked)
        event = self.append("message", participant_id, message_id=f"msg_{len(self.log)}", **asked)
        if self.pointers[participant_id] == event["sequence_id"] - 1:
            self.pointers[participant_id] = event["sequence_id"]
        if push:
            self.push(event)
        return self.end(call, event, 201)

    def repeat(self, call: Call) -> Call:
        """Repeat a send."""
        again = self.begin("send", call.caller, dict(call.arguments))
        return self.end(again, self.log[call.answer["sequence_id"] - 1], 200)

    def update_message(self, kind: str, participant_id: str, target: int, **fields: Any) -> Call:
        """Edit, delete, react or unreact by socket; a deletion removes the contents of message and edits."""
        call = self.begin(kind, participant_id, {"target": target, **fields}, f"{participant_id} 0.0")
        types = {"edit": "message_edited", "delete_message": "message_deleted", "react": "reaction_added"}
        event = self.append(types.get(kind, "reaction_removed"), participant_id, target=target, **fields)
        if kind == "delete_message":
            for logged in self.log:
                if target in (logged["sequence_id"], logged.get("target")):
                    logged.pop("content", None)
            self.log[target - 1]["deleted_at"] = event["created_at"]
        self.push(event)
        return self.end(
            call, {"type": "ack", "conversation_id": CONVERSATION_ID, "sequence_id": event["sequence_id"]}
        )

    @property
    def messages(self) -> list[Json]:
        """The messages in their current versions."""
        return [self._present(event) for event in self.log if event["type"] == "message"]

    def _present(self, message: Json) -> Json:
        present, counts = dict(message), Counter[str]()
        for event in self.log:
            if event.get("target") != message["sequence_id"] or {"deleted_at", "expired"} & message.keys():
                continue
            present["version"] = event["sequence_id"]
            match event["type"]:
                case "message_edited":
                    present |= {"content": event["content"], "edited_at": event["created_at"]}
                case "reaction_added":
                    counts[event["emoji"]] += 1
                case "reaction_removed":
                    counts[event["emoji"]] -= 1
        reactions = [{"emoji": emoji, "count": count} for emoji, count in counts.items() if count]
        return {**present, "reactions": reactions} if reactions else present

    def remove(self, actor: str, participant_id: str) -> Json:
        """Remove a member."""
        call = self.begin("remove", actor, {"participant_id": participant_id})
        del self.roles[participant_id]
        self.subscribed.pop(participant_id, None)
        event = self.append("participant_left", actor, participant=self.member(participant_id), reason="removed")
        self.push(event)
        self.receive(
            participant_id,
            {"type": "conversation_removed", "conversation_id": CONVERSATION_ID, "reason": "removed"},
        )
        self.end(call, None, 204)
        return event

    def add(self, actor: str, participant_id: str) -> Json:
        """Add a member."""
        call = self.begin("add", actor, {"participant_id": participant_id})
        self.roles[participant_id] = "member"
        event = self.append("participant_joined", actor, participant=self.member(participant_id), reason="added")
        self.pointers.setdefault(participant_id, event["sequence_id"])
        self.push(event)
        self.receive(
            participant_id,
            {
                "type": "conversation_added",
                "conversation": {"conversation_id": CONVERSATION_ID, "head": len(self.log)},
            },
        )
        self.end(call, self.member(participant_id), 201)
        return event

    def member(self, participant_id: str) -> Json:
        """Return a member as a participant."""
        muted = {"muted_until": LATER} if participant_id in self.muted else {}
        return {**self.actor(participant_id), "role": self.roles.get(participant_id, "member"), **muted}

    def ban(self, actor: str, participant_id: str) -> Json:
        """Ban a member or a non-member."""
        call = self.begin("ban", actor, {"participant_id": participant_id})
        if participant_id in self.roles:
            event = self.append(
                "participant_left", actor, participant=self.member(participant_id), reason="banned"
            )
            del self.roles[participant_id]
            self.subscribed.pop(participant_id, None)
            self.receive(
                participant_id,
                {"type": "conversation_removed", "conversation_id": CONVERSATION_ID, "reason": "banned"},
            )
        else:
            event = self.append("participant_banned", actor, participant={"participant_id": participant_id})
        self.push(event)
        self.end(call, None, 204)
        return event

    def unban(self, actor: str, participant_id: str) -> Call:
        """Lift a ban."""
        call = self.begin("unban", actor, {"participant_id": participant_id})
        self.push(self.append("participant_unbanned", actor, participant={"participant_id": participant_id}))
        return self.end(call, None, 204)

    def mute(self, actor: str, participant_id: str, seconds: int = 3600) -> Call:
        """Mute a member for a long time, or unmute by zero seconds."""
        call = self.begin("mute", actor, {"participant_id": participant_id, "muted_for": seconds})
        (self.muted.add if seconds else self.muted.discard)(participant_id)
        self.push(self.append("participant_updated", actor, participant=self.member(participant_id)))
        return self.end(call, self.member(participant_id))

    def invite(self, actor: str, uses: int | None = None) -> str:
        """Create an invite and return its secret."""
        secret = f"inv_{self.tick()}"
        self.end(self.begin("invite", actor, {"max_uses": uses}), {"invite": secret, "max_uses": uses}, 201)
        return secret

    def ask(self, actor: str, participant_id: str) -> Call:
        """Add a person who has to accept."""
        call = self.begin("ask", actor, {"participant_id": participant_id})
        self.receive(participant_id, {"type": "invited", "conversation_id": CONVERSATION_ID})
        return self.end(call, {"participant_id": participant_id, "membership": "pending"}, 201)

    def join(self, participant_id: str, invite: str | None) -> Call:
        """Join by an invite, or accept an addition."""
        call = self.begin("join", participant_id, {} if invite is None else {"invite": invite})
        self.roles[participant_id] = "member"
        reason, member = "accepted" if invite is None else "joined", self.member(participant_id)
        event = self.append("participant_joined", participant_id, participant=member, reason=reason)
        self.pointers.setdefault(participant_id, event["sequence_id"])
        self.push(event)
        self.receive(
            participant_id,
            {
                "type": "conversation_added",
                "conversation": {"conversation_id": CONVERSATION_ID, "head": len(self.log)},
            },
        )
        return self.end(call, self.view(participant_id))

    def set_retention(self, actor: str, days: int | None) -> Call:
        """Change the retention period."""
        call = self.begin("update", actor, {"retention_days": days})
        self.push(self.append("conversation_updated", actor, retention_days=days))
        return self.end(call, self.view(actor))

    def expire(self, up_to: int) -> Json:
        """Run a sweep that expires the messages up to a sequence id."""
        event = self.append("content_expired", "service", up_to=up_to)
        for logged in self.log[:up_to]:
            if logged["type"] == "message" and "content" in logged:
                logged["expired"] = True
        for logged in self.log:
            about: int = logged["target"] if "target" in logged else logged["sequence_id"]
            if about <= up_to:
                for name in CONTENT_FIELDS:
                    logged.pop(name, None)
        self.push(event)
        return event

    def pass_time(self) -> None:
        """End the retention phase: everything expired by the last event is removed, and all read everything.

        It includes all requests after the quiet point.
        """
        since, swept = self.log[-1]["created_at"], self.tick()
        for participant_id in self.roles:
            self.read_events(participant_id, limit=100)
            self.read_messages(participant_id)
            self.view_conversation(participant_id)
        calls = self.history.calls[self._calls :]
        del self.history.calls[self._calls :], self.history.received[self._heard :]
        self.history.expiry = Expiry(datetime.fromisoformat(since).timestamp(), calls, swept)

    def read_events(self, participant_id: str, after: int = 0, limit: int = 50) -> Call:
        """Read a page of the log."""
        call = self.begin("events", participant_id, {"after": after, "limit": limit})
        if participant_id not in self.roles:
            return self.reject(call)
        more = after + limit < len(self.log)
        return self.end(call, {"events": self.log[after : after + limit], "head": len(self.log), "has_more": more})

    def read_messages(self, participant_id: str, limit: int = 50) -> Call:
        """Read the newest messages."""
        call = self.begin("messages", participant_id, {"limit": limit})
        messages = self.messages
        return self.end(call, {"messages": messages[-limit:], "has_more": len(messages) > limit})

    def mark_read(self, participant_id: str, to: int) -> Call:
        """Move the read pointer."""
        call = self.begin("read", participant_id, {"sequence_id": to})
        self.pointers[participant_id] = max(to, self.pointers[participant_id])
        return self.end(call, {"read_up_to": self.pointers[participant_id]})

    def view_conversation(self, participant_id: str) -> Call:
        """Read the conversation."""
        call = self.begin("view", participant_id, {})
        if participant_id not in self.roles:
            return self.reject(call)
        messages = self.messages[-50:]
        participants = [self.member(role) for role in self.roles]
        return self.end(call, {**self.view(participant_id), "messages": messages, "participants": participants})

    def list_conversations(self, participant_id: str) -> Call:
        """Read the list of conversations."""
        call = self.begin("list", participant_id, {"page": 0}, conversation_id="")
        return self.end(
            call, {"conversations": [self.view(participant_id)] if participant_id in self.roles else []}
        )

    def finish(self) -> History:
        """End the history: all participants read everything."""
        self.history.calm_since = self.history.quiet_since = self.tick()
        for participant_id in self.history.names:
            self.read_events(participant_id, limit=100)
            self.view_conversation(participant_id)
            self.list_conversations(participant_id)
        for participant_id, socket in self.subscribed.items():
            self.history.replicas.append(
                ReplicaRecord(participant_id, socket, CONVERSATION_ID, 1, copy.deepcopy(self.log))
            )
        self._calls, self._heard = len(self.history.calls), len(self.history.received)
        return self.history

    def violated_laws(self) -> set[str]:
        """Return the laws that the checker reports as violated."""
        return {violation.law for violation in check(self.history)}
