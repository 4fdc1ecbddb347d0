"""Histories written by hand: an ideal server in twenty lines, for the checker's own tests.

A story is told one thing after the other and comes out as the history that clients would have brought home. A test
then spoils one thing of it, and looks whether the checker says so.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.invariants.history.checker import check
from tests.invariants.history.records import HTTP, OK, Call, Copy, Expiry, Heard, History, Json, SocketLife
from tests.support.message_fields import CONTENT_FIELDS

WHERE = "conv_1"
LATER = "2026-01-01T12:00:00Z"
"""When mutes end: long after the story."""
RETENTION_DAY = 4.0
"""Seconds: thirty days are two minutes, and each event is a minute after the one before."""


class Story:
    """One conversation, made by the first of the people, with the others of `inside` in it."""

    def __init__(self, people: Sequence[str], inside: Sequence[str] | None = None, policy: str = "invite") -> None:
        self.history = History(people={each: each.title() for each in people}, retention_day=RETENTION_DAY)
        self.log: list[Json] = []
        self.inside: dict[str, str] = {}
        self.pointers: dict[str, int] = {}
        self.listening: dict[str, str] = {}
        self.muted: set[str] = set()
        self._order = self._calls = self._heard = 0
        owner, *others = inside or people
        roles = {owner: "owner", **dict.fromkeys(others, "member")}
        founders = [{"participant_id": each, "name": each.title(), "role": role} for each, role in roles.items()]
        call = self.begins("create", owner, {"title": "T", "participants": founders[1:], "join_policy": policy})
        self.append("conversation_created", owner, title="T", participants=founders)
        self.inside = roles
        self.pointers = dict.fromkeys(roles, 1)
        self.ends(call, {**self.view(owner), "participants": founders}, 201)
        for each in people:
            self.opens(each)

    # ---- parts -----------------------------------------------------------------------------------------

    def tick(self) -> int:
        """The next number of the order."""
        self._order += 1
        return self._order

    def begins(self, kind: str, who: str, asked: Json, via: str = HTTP, where: str = WHERE) -> Call:
        """A request."""
        call = Call(kind, who, where, via, asked, self.tick(), self._order / 100)
        self.history.calls.append(call)
        return call

    def ends(self, call: Call, answer: Any, status: int = 200, outcome: str = OK) -> Call:
        """Its answer."""
        call.answer, call.status, call.outcome = copy.deepcopy(answer), status, outcome
        call.ended, call.took = self.tick(), 0.01
        return call

    def refuses(self, call: Call, code: str = "NOT_FOUND") -> Call:
        """Its refusal."""
        return self.ends(call, {"error": {"code": code, "message": code}}, 404, code)

    def append(self, kind: str, sender: str, **fields: Any) -> Json:
        """A new event of the log."""
        event = {
            "conversation_id": WHERE,
            "sequence_id": len(self.log) + 1,
            "type": kind,
            "created_at": f"2026-01-01T00:{len(self.log) + 1:02}:00Z",
            "sender": self.reference(sender),
            **fields,
        }
        self.log.append(event)
        return event

    def reference(self, who: str) -> Json:
        """A person as a sender."""
        return {"participant_id": who, "name": self.history.people.get(who, who), "type": "human"}

    def pushes(self, event: Json, to: Sequence[str] | None = None) -> None:
        """An event goes out to those who listen, or to some."""
        for who in self.listening if to is None else to:
            self.hears(who, {"type": "event", "event": copy.deepcopy(event)})

    def hears(self, who: str, frame: Json) -> None:
        """A push arrives at somebody's socket."""
        self.history.heard.append(Heard(self.tick(), self._order / 100, who, f"{who} 0.0", frame))

    def view(self, who: str) -> Json:
        """The conversation as somebody sees it."""
        messages = self.messages
        pointer = self.pointers.get(who, 0)
        view = {
            "conversation_id": WHERE,
            "title": [event["title"] for event in self.log if "title" in event][-1],
            "updated_at": self.log[-1]["created_at"],
            "head": len(self.log),
            "participant_count": len(self.inside),
            "read_up_to": pointer,
            "unread_count": sum(1 for event in messages if event["sequence_id"] > pointer),
        }
        return {**view, "last_message": messages[-1]} if messages else view

    # ---- what people do --------------------------------------------------------------------------------

    def opens(self, who: str) -> None:
        """Somebody opens a socket and says hello."""
        self.history.sockets.append(SocketLife(f"{who} 0.0", who, self.tick()))
        self.ends(self.begins("hello", who, {}, f"{who} 0.0", ""), {"type": "welcome", "connection_id": who})

    def subscribes(self, *people: str) -> None:
        """Some listen from now on."""
        for who in people:
            self.listening[who] = f"{who} 0.0"
            call = self.begins("subscribe", who, {}, f"{who} 0.0")
            answer = {"head": len(self.log), "first_sequence_id": 1, "events": self.log[-50:], "has_more": False}
            self.ends(call, {"type": "subscribed", "conversation_id": WHERE, **answer})

    def says(self, who: str, text: str, identity: str | None = None, *, push: bool = True) -> Call:
        """Somebody says something by HTTP, and those who listen hear it."""
        asked = {"content": text, **({"client_message_id": identity} if identity else {})}
        call = self.begins("send", who, asked)
        event = self.append("message", who, message_id=f"msg_{len(self.log)}", **asked)
        self.pointers[who] = event["sequence_id"]
        if push:
            self.pushes(event)
        return self.ends(call, event, 201)

    def repeats(self, call: Call) -> Call:
        """The same once more."""
        again = self.begins("send", call.who, dict(call.asked))
        return self.ends(again, self.log[call.answer["sequence_id"] - 1], 200)

    def changes(self, kind: str, who: str, target: int, **fields: Any) -> Call:
        """`edit`, `take_back`, `react`, `unreact` by socket; a deletion empties message and edits."""
        call = self.begins(kind, who, {"target": target, **fields}, f"{who} 0.0")
        types = {"edit": "message_edited", "take_back": "message_deleted", "react": "reaction_added"}
        event = self.append(types.get(kind, "reaction_removed"), who, target=target, **fields)
        if kind == "take_back":
            for each in self.log:
                if target in (each["sequence_id"], each.get("target")):
                    each.pop("content", None)
            self.log[target - 1]["deleted_at"] = event["created_at"]
        self.pushes(event)
        return self.ends(call, {"type": "ack", "conversation_id": WHERE, "sequence_id": event["sequence_id"]})

    @property
    def messages(self) -> list[Json]:
        """The messages as they now are."""
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

    def removes(self, actor: str, who: str) -> Json:
        """Somebody is removed."""
        call = self.begins("remove", actor, {"participant_id": who})
        del self.inside[who]
        self.listening.pop(who, None)
        event = self.append("participant_left", actor, participant=self.member(who), reason="removed")
        self.pushes(event)
        self.hears(who, {"type": "conversation_removed", "conversation_id": WHERE, "reason": "removed"})
        self.ends(call, None, 204)
        return event

    def adds(self, actor: str, who: str) -> Json:
        """Somebody is added."""
        call = self.begins("add", actor, {"participant_id": who})
        self.inside[who] = "member"
        event = self.append("participant_joined", actor, participant=self.member(who), reason="added")
        self.pointers.setdefault(who, event["sequence_id"])
        self.pushes(event)
        self.hears(
            who, {"type": "conversation_added", "conversation": {"conversation_id": WHERE, "head": len(self.log)}}
        )
        self.ends(call, self.member(who), 201)
        return event

    def member(self, who: str) -> Json:
        """A person as a participant."""
        muted = {"muted_until": LATER} if who in self.muted else {}
        return {**self.reference(who), "role": self.inside.get(who, "member"), **muted}

    def bans(self, actor: str, who: str) -> Json:
        """Somebody is banned, in or not."""
        call = self.begins("ban", actor, {"participant_id": who})
        if who in self.inside:
            event = self.append("participant_left", actor, participant=self.member(who), reason="banned")
            del self.inside[who]
            self.listening.pop(who, None)
            self.hears(who, {"type": "conversation_removed", "conversation_id": WHERE, "reason": "banned"})
        else:
            event = self.append("participant_banned", actor, participant={"participant_id": who})
        self.pushes(event)
        self.ends(call, None, 204)
        return event

    def unbans(self, actor: str, who: str) -> Call:
        """A ban is lifted."""
        call = self.begins("unban", actor, {"participant_id": who})
        self.pushes(self.append("participant_unbanned", actor, participant={"participant_id": who}))
        return self.ends(call, None, 204)

    def mutes(self, actor: str, who: str, seconds: int = 3600) -> Call:
        """Somebody is muted for long, or unmuted by no seconds."""
        call = self.begins("mute", actor, {"participant_id": who, "muted_for": seconds})
        (self.muted.add if seconds else self.muted.discard)(who)
        self.pushes(self.append("participant_updated", actor, participant=self.member(who)))
        return self.ends(call, self.member(who))

    def invites(self, actor: str, uses: int | None = None) -> str:
        """An invite is made; its secret."""
        secret = f"inv_{self.tick()}"
        self.ends(self.begins("invite", actor, {"max_uses": uses}), {"invite": secret, "max_uses": uses}, 201)
        return secret

    def joins(self, who: str, invite: str) -> Call:
        """Somebody joins by an invite."""
        call = self.begins("join", who, {"invite": invite})
        self.inside[who] = "member"
        event = self.append("participant_joined", who, participant=self.member(who), reason="joined")
        self.pointers.setdefault(who, event["sequence_id"])
        self.pushes(event)
        self.hears(
            who, {"type": "conversation_added", "conversation": {"conversation_id": WHERE, "head": len(self.log)}}
        )
        return self.ends(call, self.view(who))

    def keeps(self, actor: str, days: int | None) -> Call:
        """How many days contents are kept from now on is said."""
        call = self.begins("update", actor, {"retention_days": days})
        self.pushes(self.append("conversation_updated", actor, retention_days=days))
        return self.ends(call, self.view(actor))

    def expires(self, up_to: int) -> Json:
        """A sweep: what messages up to there say is gone."""
        event = self.append("content_expired", "service", up_to=up_to)
        for each in self.log[:up_to]:
            if each["type"] == "message" and "content" in each:
                each["expired"] = True
        for each in self.log:
            about: int = each["target"] if "target" in each else each["sequence_id"]
            if about <= up_to:
                for name in CONTENT_FIELDS:
                    each.pop(name, None)
        self.pushes(event)
        return event

    def time_passes(self) -> None:
        """The very end: all that is past retention by the last event has gone, and everybody reads it all.

        What came after the quiet belongs to it.
        """
        since, swept = self.log[-1]["created_at"], self.tick()
        for who in self.inside:
            self.reads_events(who, limit=100)
            self.reads_messages(who)
            self.looks(who)
        calls = self.history.calls[self._calls :]
        del self.history.calls[self._calls :], self.history.heard[self._heard :]
        self.history.expiry = Expiry(datetime.fromisoformat(since).timestamp(), calls, swept)

    def reads_events(self, who: str, after: int = 0, limit: int = 50) -> Call:
        """A page of the raw log."""
        call = self.begins("events", who, {"after": after, "limit": limit})
        if who not in self.inside:
            return self.refuses(call)
        more = after + limit < len(self.log)
        return self.ends(
            call, {"events": self.log[after : after + limit], "head": len(self.log), "has_more": more}
        )

    def reads_messages(self, who: str, limit: int = 50) -> Call:
        """The newest messages."""
        call = self.begins("messages", who, {"limit": limit})
        messages = self.messages
        return self.ends(call, {"messages": messages[-limit:], "has_more": len(messages) > limit})

    def moves_pointer(self, who: str, to: int) -> Call:
        """A read pointer."""
        call = self.begins("read", who, {"sequence_id": to})
        self.pointers[who] = max(to, self.pointers[who])
        return self.ends(call, {"read_up_to": self.pointers[who]})

    def looks(self, who: str) -> Call:
        """The conversation as a whole."""
        call = self.begins("look", who, {})
        if who not in self.inside:
            return self.refuses(call)
        messages = self.messages[-50:]
        participants = [self.member(each) for each in self.inside]
        return self.ends(call, {**self.view(who), "messages": messages, "participants": participants})

    def lists(self, who: str) -> Call:
        """The list of conversations."""
        call = self.begins("list", who, {"page": 0}, where="")
        return self.ends(call, {"conversations": [self.view(who)] if who in self.inside else []})

    def becomes_quiet(self) -> History:
        """The end: everybody looks at everything."""
        self.history.calm_since = self.history.quiet_since = self.tick()
        for who in self.history.people:
            self.reads_events(who, limit=100)
            self.looks(who)
            self.lists(who)
        for who, socket in self.listening.items():
            self.history.copies.append(Copy(who, socket, WHERE, 1, copy.deepcopy(self.log)))
        self._calls, self._heard = len(self.history.calls), len(self.history.heard)
        return self.history

    def laws_broken(self) -> set[str]:
        """What the checker has to say about it, by law."""
        return {violation.law for violation in check(self.history)}
