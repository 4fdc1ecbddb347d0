"""People who chat, for tests that read as a script: `alice.creates("Trip", with_=[bob])`, `bob.hears(…)`.

Verbs do one thing, wait for its answer, fail the test if it is refused, and return what was answered. To see a
refusal, or to say what no proper client says, use `get`, `post`, `patch`, `put`, `delete` (an `Answer`), the
socket's `asks` (a frame, which may be an error) or its `sends_text`.

Everything that is received is checked against its shape (`checking.py`) wherever it is received.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.http_client import Answer, Http
from tests.support.socket_client import Frame, Socket

__all__ = ["Answer", "Frame", "Http", "Person", "Socket", "Stage"]

HOUR = 3600
MAX_PAGES = 1_000
"""More than any test writes: who pages on beyond that goes round in circles."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running chat: where it is, and a maker of tokens (participant id, name, seconds to live)."""

    http_url: str
    ws_url: str
    token: Callable[[str, str, int], str]


class Person:
    """Somebody with a token, who may have any number of sockets; verbs of the socket use the newest.

    HTTP may be used from several threads at once, a socket by one at a time.
    """

    def __init__(self, stage: Stage, http: Http, participant_id: str, name: str, *, ttl: int = HOUR) -> None:
        self.stage = stage
        self.id = participant_id
        self.name = name
        self.token = stage.token(participant_id, name, ttl)
        self.sockets: list[Socket] = []
        self._http = http

    @property
    def reference(self) -> dict[str, str]:
        """This person as the `sender` of an event or the `participant` of a frame."""
        return {"participant_id": self.id, "name": self.name, "type": "human"}

    # ---- plain HTTP ------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Any request with this person's token; see `Http.request` for the options."""
        return self._http.request(method, path, body, **{"token": self.token, **options})

    def get(self, path: str, **query: Any) -> Answer:
        """GET, with a query string."""
        return self.request("GET", path + _query(query))

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """POST."""
        return self.request("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, body, **options)

    def delete(self, path: str, **query: Any) -> Answer:
        """DELETE, with a query string."""
        return self.request("DELETE", path + _query(query))

    # ---- conversations ---------------------------------------------------------------------------------

    def creates(self, title: str, with_: Iterable[Person] = (), **fields: Any) -> str:
        """Create a conversation with some people as members; its id."""
        participants = [{"participant_id": each.id, "name": each.name} for each in with_]
        body = {"title": title, **({"participants": participants} if participants else {}), **fields}
        return str(self.post("/conversations", body).expect(201)["conversation_id"])

    def sees(self, conversation: str) -> Any:
        """The conversation with its participants and newest messages."""
        return self.get(f"/conversations/{conversation}").expect(200)

    def lists(self, **query: Any) -> list[Any]:
        """The first page of this person's conversations."""
        conversations: list[Any] = self.get("/conversations", **query).expect(200)["conversations"]
        return conversations

    def changes(self, conversation: str, **fields: Any) -> Any:
        """Change title, join policy or metadata; the conversation."""
        return self.patch(f"/conversations/{conversation}", fields).expect(200)

    def deletes(self, conversation: str) -> None:
        """Delete the conversation."""
        self.delete(f"/conversations/{conversation}").expect(204)

    def joins(self, conversation: str, invite: str | None = None) -> Any:
        """Join, by the secret of an invite if there is one; the conversation."""
        body = None if invite is None else {"invite": invite}
        return self.post(f"/conversations/{conversation}/join", body).expect(200)

    def invites(self, conversation: str, **fields: Any) -> Any:
        """Make an invite; what is told of it, its secret included."""
        return self.post(f"/conversations/{conversation}/invites", fields).expect(201)

    def leaves(self, conversation: str) -> int:
        """Leave; how many stay."""
        return int(self.post(f"/conversations/{conversation}/leave").expect(200)["remaining_participants"])

    def adds(self, conversation: str, person: Person, **fields: Any) -> Any:
        """Add somebody; the participant."""
        body = {"participant_id": person.id, "name": person.name, **fields}
        return self.post(f"/conversations/{conversation}/participants", body).expect(201)

    def removes(self, conversation: str, person: Person) -> None:
        """Remove somebody."""
        self.delete(f"/conversations/{conversation}/participants", participant_id=person.id).expect(204)

    def gives_role(self, conversation: str, person: Person, role: str) -> Any:
        """Change somebody's role; the participant."""
        path = f"/conversations/{conversation}/participants{_query({'participant_id': person.id})}"
        return self.patch(path, {"role": role}).expect(200)

    # ---- messages as they are by now -------------------------------------------------------------------

    def edits(self, conversation: str, target: int, content: str, **fields: Any) -> Any:
        """Edit a message by HTTP; the message as it then is."""
        body = {"content": content, **fields}
        return self.patch(f"/conversations/{conversation}/messages/{target}", body).expect(200)

    def takes_back(self, conversation: str, target: int) -> None:
        """Delete a message by HTTP."""
        self.delete(f"/conversations/{conversation}/messages/{target}").expect(204)

    def reacts(self, conversation: str, target: int, emoji: str) -> None:
        """React to a message by HTTP."""
        path = f"/conversations/{conversation}/messages/{target}/reactions{_query({'emoji': emoji})}"
        self.put(path).expect(204)

    def unreacts(self, conversation: str, target: int, emoji: str) -> None:
        """Take a reaction back by HTTP."""
        self.delete(f"/conversations/{conversation}/messages/{target}/reactions", emoji=emoji).expect(204)

    def who_reacted(self, conversation: str, target: int, **query: Any) -> list[Any]:
        """Who reacted, page by page."""
        found: list[Any] = []
        path = f"/conversations/{conversation}/messages/{target}/reactions"
        for _ in range(MAX_PAGES):
            page = self.get(path, **query).expect(200)
            found += page["reactions"]
            if "next_cursor" not in page:
                return found
            query["cursor"] = page["next_cursor"]
        raise AssertionError(f"no end to the reactions to {target}")

    def mutes(self, conversation: str, person: Person, seconds: int = HOUR) -> Any:
        """Mute somebody, or unmute them by no seconds; the participant."""
        path = f"/conversations/{conversation}/participants{_query({'participant_id': person.id})}"
        return self.patch(path, {"muted_for": seconds}).expect(200)

    def bans(self, conversation: str, person: Person) -> None:
        """Ban somebody."""
        path = f"/conversations/{conversation}/participants"
        self.delete(path, participant_id=person.id, ban="true").expect(204)

    def unbans(self, conversation: str, person: Person) -> None:
        """Lift somebody's ban."""
        self.delete(f"/conversations/{conversation}/bans", participant_id=person.id).expect(204)

    def audits(self, conversation: str, **query: Any) -> list[Any]:
        """The first page of the audit."""
        entries: list[Any] = self.get(f"/conversations/{conversation}/audit", **query).expect(200)["entries"]
        return entries

    # ---- the log ---------------------------------------------------------------------------------------

    def posts(self, conversation: str, content: str, **fields: Any) -> Any:
        """Send a message by HTTP; the event."""
        return self.post(f"/conversations/{conversation}/messages", {"content": content, **fields}).expect(201)

    def log(self, conversation: str, after: int = 0, limit: int = 100) -> list[Any]:
        """All events after `after`, page by page. An empty page that says there is more is asked for again."""
        events: list[Any] = []
        for _ in range(MAX_PAGES):
            page = self.get(f"/conversations/{conversation}/events", after=after, limit=limit).expect(200)
            events += page["events"]
            if not page["has_more"]:
                return events
            if page["events"]:
                assert page["events"][0]["sequence_id"] == after + 1, f"asked for what is after {after}"
                after = page["events"][-1]["sequence_id"]
        raise AssertionError(f"no end to the log after {after}")

    def head(self, conversation: str) -> int:
        """The end of the log."""
        return int(self.get(f"/conversations/{conversation}/events", limit=1).expect(200)["head"])

    def history(self, conversation: str, **query: Any) -> list[Any]:
        """One page of messages."""
        messages: list[Any] = self.get(f"/conversations/{conversation}/messages", **query).expect(200)["messages"]
        return messages

    # ---- the socket ------------------------------------------------------------------------------------

    def connects(self, *subscribe: str, token: str | None = None) -> Socket:
        """Open a socket with the token in a header, say hello, and subscribe to conversations.

        The answers, `welcome` and each `subscribed`, are taken; what else is heard meanwhile waits.
        """
        socket = Socket(self.stage.ws_url, headers={"Authorization": f"Bearer {token or self.token}"})
        self.sockets.append(socket)
        welcome = socket.asks("hello", subscribe=[{"conversation_id": each} for each in subscribe])
        assert welcome["type"] == "welcome", welcome
        for each in subscribe:
            socket.hears(type="subscribed", conversation_id=each)
        return socket

    @property
    def socket(self) -> Socket:
        """The newest socket."""
        assert self.sockets, f"{self.id} has no socket"
        return self.sockets[-1]

    def asks(self, command: str, expect: str, **fields: Any) -> Frame:
        """Send a command on the newest socket; the answer, once it is of the expected type."""
        answer = self.socket.asks(command, **fields)
        assert answer["type"] == expect, f"{command} is answered by {answer}"
        return answer

    def subscribes(self, conversation: str, **fields: Any) -> Frame:
        """Subscribe; the snapshot."""
        return self.asks("subscribe", "subscribed", conversation_id=conversation, **fields)

    def unsubscribes(self, conversation: str) -> None:
        """Hear it no longer."""
        self.asks("unsubscribe", "unsubscribed", conversation_id=conversation)

    def syncs(self, conversation: str, after: int) -> Frame:
        """The events after `after`."""
        return self.asks("sync", "sync", conversation_id=conversation, after=after)

    def says(self, conversation: str, content: str, **fields: Any) -> Frame:
        """Send a message on the socket, under a new `client_message_id` unless one is given; the ack."""
        fields = {"client_message_id": new_client_message_id(), **fields}
        return self.asks("message", "message_ack", conversation_id=conversation, content=content, **fields)

    def changes_message(self, command: str, conversation: str, target: int, **fields: Any) -> int:
        """`edit`, `delete`, `react` or `unreact` on the socket; the sequence id of the ack."""
        ack = self.asks(command, "ack", conversation_id=conversation, target=target, **fields)
        return int(ack["sequence_id"])

    def reads(self, conversation: str, sequence_id: int) -> Frame:
        """Move the read pointer, on the socket; the ack."""
        return self.asks("read", "read_ack", conversation_id=conversation, sequence_id=sequence_id)

    def types(self, conversation: str, *, is_typing: bool = True) -> None:
        """Begin or stop to write, on the socket. There is no answer."""
        self.socket.sends("typing", conversation_id=conversation, is_typing=is_typing)

    def pings(self, **heads: int) -> Frame:
        """Ask how far conversations are; the pong."""
        return self.asks("ping", "pong", **({"heads": heads} if heads else {}))

    def hears(self, **wanted: Any) -> Frame:
        """`Socket.hears` on the newest socket."""
        return self.socket.hears(**wanted)

    def hears_event(self, kind: str, **wanted: Any) -> Frame:
        """Wait for the push of an event; the event."""
        event: Frame = self.hears(type="event", event={"type": kind, **wanted})["event"]
        return event

    def hears_message(self, content: str, **wanted: Any) -> Frame:
        """Wait for the push of a message; the event."""
        return self.hears_event("message", content=content, **wanted)

    def hears_nothing(self, **wanted: Any) -> None:
        """`Socket.hears_nothing` on the newest socket."""
        self.socket.hears_nothing(**wanted)

    def disconnects(self) -> None:
        """Close all sockets properly."""
        while self.sockets:
            self.sockets.pop().close()


def new_client_message_id() -> str:
    """A fresh one."""
    return f"client-{uuid.uuid4().hex}"


def _query(parameters: dict[str, Any]) -> str:
    return "?" + urlencode(parameters, quote_via=quote) if parameters else ""
