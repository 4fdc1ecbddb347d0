"""A scripted client of the chat.

Most methods send one request, wait for its answer, fail the test if it is an error, and return the answer. To see
an error, or to send what no valid client sends, use `get`, `post`, `patch`, `put`, `delete` (a `Response`), the
socket's `request` (a frame, which may be an error) or its `send_text`.

Everything that is received is checked against its schema (`checking.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.http_client import HttpClient, Response
from tests.support.socket_client import Frame, Socket

__all__ = ["ChatEndpoint", "Frame", "HttpClient", "Response", "Socket", "TestClient"]

HOUR = 3600
MAX_PAGES = 1_000
"""More pages than any test creates: then paging does not terminate."""


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """The addresses of a running chat, and a function that creates tokens (id, name, seconds to live)."""

    http_url: str
    ws_url: str
    token: Callable[[str, str, int], str]


class TestClient:
    """A client with a token and any number of sockets; socket methods use the newest one.

    HTTP methods may be called from several threads, those of a socket from one at a time.
    """

    __test__ = False  # not a class of tests

    def __init__(
        self, stage: ChatEndpoint, http: HttpClient, participant_id: str, name: str, *, ttl: int = HOUR
    ) -> None:
        self.endpoint = stage
        self.id = participant_id
        self.name = name
        self.token = stage.token(participant_id, name, ttl)
        self.sockets: list[Socket] = []
        self._http = http

    @property
    def actor(self) -> dict[str, str]:
        """This participant as the `sender` of an event or the `participant` of a frame."""
        return {"participant_id": self.id, "name": self.name, "type": "human"}

    # ---- HTTP ------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        """Send any request with this client's token; see `HttpClient.request` for the options."""
        return self._http.request(method, path, body, **{"token": self.token, **options})

    def get(self, path: str, **query: Any) -> Response:
        """Send GET with a query string."""
        return self.request("GET", path + _query(query))

    def post(self, path: str, body: Any = None, **options: Any) -> Response:
        """Send POST."""
        return self.request("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Response:
        """Send PATCH."""
        return self.request("PATCH", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Response:
        """Send PUT."""
        return self.request("PUT", path, body, **options)

    def delete(self, path: str, **query: Any) -> Response:
        """Send DELETE with a query string."""
        return self.request("DELETE", path + _query(query))

    # ---- conversations ---------------------------------------------------------------------------------

    def create_conversation(self, title: str, members: Iterable[TestClient] = (), **fields: Any) -> str:
        """Create a conversation with members; return its id."""
        participants = [{"participant_id": member.id, "name": member.name} for member in members]
        body = {"title": title, **({"participants": participants} if participants else {}), **fields}
        return str(self.post("/conversations", body).expect(201)["conversation_id"])

    def get_conversation(self, conversation: str) -> Any:
        """Return the conversation with its participants and newest messages."""
        return self.get(f"/conversations/{conversation}").expect(200)

    def list_conversations(self, **query: Any) -> list[Any]:
        """Return the first page of the caller's conversations."""
        conversations: list[Any] = self.get("/conversations", **query).expect(200)["conversations"]
        return conversations

    def update_conversation(self, conversation: str, **fields: Any) -> Any:
        """Update title, join policy or metadata; return the conversation."""
        return self.patch(f"/conversations/{conversation}", fields).expect(200)

    def delete_conversation(self, conversation: str) -> None:
        """Delete the conversation."""
        self.delete(f"/conversations/{conversation}").expect(204)

    def join(self, conversation: str, invite: str | None = None) -> Any:
        """Join, optionally by the secret of an invite; return the conversation."""
        body = None if invite is None else {"invite": invite}
        return self.post(f"/conversations/{conversation}/join", body).expect(200)

    def create_invite(self, conversation: str, **fields: Any) -> Any:
        """Create an invite and return it with its secret."""
        return self.post(f"/conversations/{conversation}/invites", fields).expect(201)

    def leave(self, conversation: str) -> int:
        """Leave; return the number of remaining participants."""
        return int(self.post(f"/conversations/{conversation}/leave").expect(200)["remaining_participants"])

    def add_participant(self, conversation: str, person: TestClient, **fields: Any) -> Any:
        """Add a participant and return it."""
        body = {"participant_id": person.id, "name": person.name, **fields}
        return self.post(f"/conversations/{conversation}/participants", body).expect(201)

    def remove_participant(self, conversation: str, person: TestClient) -> None:
        """Remove a participant."""
        self.delete(f"/conversations/{conversation}/participants", participant_id=person.id).expect(204)

    def set_role(self, conversation: str, person: TestClient, role: str) -> Any:
        """Change the role of a participant, and return it."""
        path = f"/conversations/{conversation}/participants{_query({'participant_id': person.id})}"
        return self.patch(path, {"role": role}).expect(200)

    # ---- messages and moderation -----------------------------------------------------------------------

    def edit_message(self, conversation: str, target: int, content: str, **fields: Any) -> Any:
        """Edit a message by HTTP; return its current version."""
        body = {"content": content, **fields}
        return self.patch(f"/conversations/{conversation}/messages/{target}", body).expect(200)

    def delete_message(self, conversation: str, target: int) -> None:
        """Delete a message by HTTP."""
        self.delete(f"/conversations/{conversation}/messages/{target}").expect(204)

    def add_reaction(self, conversation: str, target: int, emoji: str) -> None:
        """React to a message by HTTP."""
        path = f"/conversations/{conversation}/messages/{target}/reactions{_query({'emoji': emoji})}"
        self.put(path).expect(204)

    def remove_reaction(self, conversation: str, target: int, emoji: str) -> None:
        """Remove a reaction by HTTP."""
        self.delete(f"/conversations/{conversation}/messages/{target}/reactions", emoji=emoji).expect(204)

    def list_reactions(self, conversation: str, target: int, **query: Any) -> list[Any]:
        """Return all pages of the reactions to a message."""
        found: list[Any] = []
        path = f"/conversations/{conversation}/messages/{target}/reactions"
        for _ in range(MAX_PAGES):
            page = self.get(path, **query).expect(200)
            found += page["reactions"]
            if "next_cursor" not in page:
                return found
            query["cursor"] = page["next_cursor"]
        raise AssertionError(f"no end to the reactions to {target}")

    def mute(self, conversation: str, person: TestClient, seconds: int = HOUR) -> Any:
        """Mute a participant, or unmute with zero seconds; return the participant."""
        path = f"/conversations/{conversation}/participants{_query({'participant_id': person.id})}"
        return self.patch(path, {"muted_for": seconds}).expect(200)

    def ban(self, conversation: str, person: TestClient) -> None:
        """Ban a participant."""
        path = f"/conversations/{conversation}/participants"
        self.delete(path, participant_id=person.id, ban="true").expect(204)

    def unban(self, conversation: str, person: TestClient) -> None:
        """Lift a ban."""
        self.delete(f"/conversations/{conversation}/bans", participant_id=person.id).expect(204)

    def list_audit(self, conversation: str, **query: Any) -> list[Any]:
        """Return the first page of the audit."""
        entries: list[Any] = self.get(f"/conversations/{conversation}/audit", **query).expect(200)["entries"]
        return entries

    # ---- log -------------------------------------------------------------------------------------------

    def post_message(self, conversation: str, content: str, **fields: Any) -> Any:
        """Send a message by HTTP; return the event."""
        return self.post(f"/conversations/{conversation}/messages", {"content": content, **fields}).expect(201)

    def list_events(self, conversation: str, after: int = 0, limit: int = 100) -> list[Any]:
        """Return all events after `after`, page by page. An empty page with `has_more` is requested again."""
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

    def get_head(self, conversation: str) -> int:
        """Return the sequence id of the last event."""
        return int(self.get(f"/conversations/{conversation}/events", limit=1).expect(200)["head"])

    def list_messages(self, conversation: str, **query: Any) -> list[Any]:
        """Return one page of messages."""
        messages: list[Any] = self.get(f"/conversations/{conversation}/messages", **query).expect(200)["messages"]
        return messages

    # ---- socket ----------------------------------------------------------------------------------------

    def connect(self, *subscribe: str, token: str | None = None) -> Socket:
        """Open a socket with the token in a header, say hello, and subscribe to conversations.

        The replies, `welcome` and each `subscribed`, are consumed; other frames stay in the inbox.
        """
        socket = Socket(self.endpoint.ws_url, headers={"Authorization": f"Bearer {token or self.token}"})
        self.sockets.append(socket)
        welcome = socket.request(
            "hello", subscribe=[{"conversation_id": conversation_id} for conversation_id in subscribe]
        )
        assert welcome["type"] == "welcome", welcome
        for conversation_id in subscribe:
            socket.expect_frame(type="subscribed", conversation_id=conversation_id)
        return socket

    @property
    def socket(self) -> Socket:
        """The newest socket."""
        assert self.sockets, f"{self.id} has no socket"
        return self.sockets[-1]

    def command(self, command: str, expect: str, **fields: Any) -> Frame:
        """Send a command on the newest socket; return the reply, which must be of the expected type."""
        answer = self.socket.request(command, **fields)
        assert answer["type"] == expect, f"{command} is answered by {answer}"
        return answer

    def subscribe(self, conversation: str, **fields: Any) -> Frame:
        """Subscribe; return the snapshot."""
        return self.command("subscribe", "subscribed", conversation_id=conversation, **fields)

    def unsubscribe(self, conversation: str) -> None:
        """Unsubscribe."""
        self.command("unsubscribe", "unsubscribed", conversation_id=conversation)

    def sync(self, conversation: str, after: int) -> Frame:
        """Return the events after `after`."""
        return self.command("sync", "sync", conversation_id=conversation, after=after)

    def send_message(self, conversation: str, content: str, **fields: Any) -> Frame:
        """Send a message on the socket, with a new `client_message_id` by default; return the ack."""
        fields = {"client_message_id": new_client_message_id(), **fields}
        return self.command("message", "message_ack", conversation_id=conversation, content=content, **fields)

    def update_message(self, command: str, conversation: str, target: int, **fields: Any) -> int:
        """Send `edit`, `delete`, `react` or `unreact` on the socket; return the sequence id of the ack."""
        ack = self.command(command, "ack", conversation_id=conversation, target=target, **fields)
        return int(ack["sequence_id"])

    def mark_read(self, conversation: str, sequence_id: int) -> Frame:
        """Move the read pointer on the socket; return the ack."""
        return self.command("read", "read_ack", conversation_id=conversation, sequence_id=sequence_id)

    def send_typing(self, conversation: str, *, is_typing: bool = True) -> None:
        """Start or stop typing on the socket. There is no reply: the next command can be handled before."""
        self.socket.send("typing", conversation_id=conversation, is_typing=is_typing)

    def ping(self, **heads: int) -> Frame:
        """Compare heads; return the pong."""
        return self.command("ping", "pong", **({"heads": heads} if heads else {}))

    def expect_frame(self, **wanted: Any) -> Frame:
        """Wait for a frame on the newest socket; see `Socket.expect_frame`."""
        return self.socket.expect_frame(**wanted)

    def expect_event(self, kind: str, **wanted: Any) -> Frame:
        """Wait for the push of an event; return the event."""
        event: Frame = self.expect_frame(type="event", event={"type": kind, **wanted})["event"]
        return event

    def expect_message(self, content: str, **wanted: Any) -> Frame:
        """Wait for the push of a message; return the event."""
        return self.expect_event("message", content=content, **wanted)

    def expect_no_frame(self, **wanted: Any) -> None:
        """Check that no frame has arrived; see `Socket.expect_no_frame`."""
        self.socket.expect_no_frame(**wanted)

    def disconnect(self) -> None:
        """Close all sockets."""
        while self.sockets:
            self.sockets.pop().close()


def new_client_message_id() -> str:
    """Return a new client message id."""
    return f"client-{uuid.uuid4().hex}"


def _query(parameters: dict[str, Any]) -> str:
    return "?" + urlencode(parameters, quote_via=quote) if parameters else ""
