"""Law L7: the caller's identity comes from the credential only, on HTTP and at the handshake."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.conftest import MakeClients
from tests.support.client import ChatEndpoint, HttpClient, Socket, TestClient
from tests.support.expiring import use_expiring, wait_until
from tests.support.server import ServerProcess

Forger = Callable[[str, str], str]


def _token(secret: str, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + 60, **claims}, secret, algorithm="HS256")


def _unsigned(participant_id: str, algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"sub": participant_id, "exp": int(time.time()) + 60}]
    return ".".join(_base64(json.dumps(part).encode()) for part in parts) + "."


def _tampered(who: str, secret: str) -> str:
    header, _, signature = _token(secret, sub="somebody-else").split(".")
    payload = json.dumps({"sub": who, "exp": int(time.time()) + 60}).encode()
    return f"{header}.{_base64(payload)}.{signature}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


BAD_TOKENS: dict[str, Forger] = {
    "expired beyond the leeway": lambda who, secret: _token(secret, sub=who, exp=int(time.time()) - 31),
    "not yet valid": lambda who, secret: _token(secret, sub=who, nbf=int(time.time()) + 60),
    "without expiry": lambda who, secret: jwt.encode({"sub": who}, secret, algorithm="HS256"),
    "signed with another key": lambda who, secret: _token("another secret, which is long enough", sub=who),
    "signed with no key": lambda who, secret: _unsigned(who, "none"),
    "signed with no key, spelt otherwise": lambda who, secret: _unsigned(who, "NoNe"),
    "claiming a public key": lambda who, secret: _unsigned(who, "RS256"),
    "of an algorithm that is not accepted": lambda who, secret: jwt.encode(
        {"sub": who, "exp": int(time.time()) + 60}, secret * 2, algorithm="HS512"
    ),
    "with another payload than was signed": _tampered,
    "without a sub": lambda who, secret: _token(secret),
    "with a blank in its sub": lambda who, secret: _token(secret, sub=f"{who} x"),
    "with a sub that is too long": lambda who, secret: _token(secret, sub="x" * 256),
    "with an empty sub": lambda who, secret: _token(secret, sub=""),
    "cut short": lambda who, secret: _token(secret, sub=who)[:-2],
    "no token at all": lambda who, secret: "not-a-token",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_bad_token_is_rejected_by_http_and_handshake(
    server: ServerProcess, http: HttpClient, clients: MakeClients, kind: str
) -> None:
    (alice,) = clients("alice")
    token = BAD_TOKENS[kind](alice.id, server.secret)
    for method, path in (("GET", "/conversations"), ("POST", "/tickets"), ("POST", "/conversations")):
        http.request(method, path, token=token).expect(401, "UNAUTHORIZED")
    assert _handshake(server.endpoint, headers={"Authorization": f"Bearer {token}"}) == 401
    assert _handshake(server.endpoint, offers=["chat.v1", f"bearer.{token}"]) == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWxpY2U6c2VjcmV0"},
        {"Authorization": "Token abc"},
        {"X-Authorization": "Bearer {token}"},
        {"Authorization": "{token}"},
        {"Authorization": "Bearer {token} {token}"},
        {"Authorization": "Bearer {token}, Bearer {token}"},
    ],
    ids=str,
)
def test_missing_or_malformed_credential_is_rejected(
    endpoint: ChatEndpoint, http: HttpClient, clients: MakeClients, headers: dict[str, str]
) -> None:
    (alice,) = clients("alice")
    filled = {name: value.format(token=alice.token) for name, value in headers.items()}
    http.request("GET", "/conversations", headers=filled).expect(401, "UNAUTHORIZED")
    assert _handshake(endpoint, headers=filled) == 401


def test_clock_skew_of_thirty_seconds_is_accepted(server: ServerProcess, http: HttpClient) -> None:
    for claims in ({"exp": int(time.time()) - 20}, {"nbf": int(time.time()) + 20}):
        token = _token(server.secret, sub="somebody", **claims)
        http.request("GET", "/conversations", token=token).expect(200)


def test_expired_token_is_rejected_despite_a_cached_authorization(
    server: ServerProcess, http: HttpClient, clients: MakeClients
) -> None:
    (alice,) = clients("alice")

    def authorize(token: str) -> str:
        http.request("GET", "/conversations", token=token).expect(200)
        return token

    token, ends_at = use_expiring(alice, authorize, leeway=30)
    wait_until(ends_at)
    http.request("GET", "/conversations", token=token).expect(401, "UNAUTHORIZED")


def test_caller_is_the_participant_of_the_token(server: ServerProcess, http: HttpClient) -> None:
    expires = int(time.time()) + 60
    token = _token(server.secret, sub="auth0|5f#7", name="Zoë", exp=expires)
    found = http.request("GET", "/me", token=token).expect(200)
    expected = f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    assert found == {"participant_id": "auth0|5f#7", "name": "Zoë", "type": "human", "expires_at": expected}
    nameless = http.request("GET", "/me", token=_token(server.secret, sub="bob")).expect(200)
    assert "name" not in nameless


def test_welcome_contains_identity_expiry_and_limits(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    welcome = alice.connect().request("hello")
    expires = jwt.decode(alice.token, options={"verify_signature": False})["exp"]
    assert welcome["participant"] == alice.actor
    assert welcome["expires_at"] == f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    assert welcome["ping_interval"] == 240
    assert welcome["limits"]["participants"] == 100
    assert welcome["limits"]["content_characters"] == 10_000


def test_token_in_the_query_string_is_rejected(
    endpoint: ChatEndpoint, http: HttpClient, clients: MakeClients
) -> None:
    (alice,) = clients("alice")
    for name in ("token", "access_token", "authorization", "Authorization"):
        http.request("GET", f"/conversations?{name}=Bearer%20{alice.token}").expect(401, "UNAUTHORIZED")
        assert _handshake(endpoint, query=f"{name}=Bearer%20{alice.token}") == 401
    assert _handshake(endpoint, query=f"ticket={alice.token}") == 401


def test_token_as_subprotocol_is_accepted_and_not_echoed(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    for offers in (["chat.v1", f"bearer.{alice.token}"], [f"bearer.{alice.token}", "chat.v1"]):
        socket = Socket(alice.endpoint.ws_url, offers=offers)
        alice.sockets.append(socket)
        assert socket.subprotocol == "chat.v1"
        assert socket.request("hello")["participant"] == alice.actor


def test_handshake_without_subprotocol_is_answered_without_one(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    assert alice.connect().subprotocol is None


def test_two_different_credentials_are_rejected(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert _handshake(alice.endpoint, headers=headers, offers=["chat.v1", f"bearer.{bob.token}"]) == 401
    ticket = bob.post("/tickets").expect(201)["ticket"]
    assert _handshake(alice.endpoint, headers=headers, query=f"ticket={ticket}") == 401


def test_ticket_opens_one_connection_for_its_participant(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    given = alice.post("/tickets").expect(201)
    assert given["expires_in"] == 30
    socket = Socket(f"{alice.endpoint.ws_url}?ticket={given['ticket']}")
    alice.sockets.append(socket)
    assert socket.request("hello")["participant"] == alice.actor
    assert _handshake(alice.endpoint, query=f"ticket={given['ticket']}") == 401
    chat = bob.create_conversation("Chat", members=[alice])
    assert socket.expect_frame(type="conversation_added")["conversation"]["conversation_id"] == chat


def test_tickets_are_unique_and_do_not_contain_the_token(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    tickets = [alice.post("/tickets", {}).expect(201)["ticket"] for _ in range(3)]
    assert len(set(tickets)) == 3
    assert not any(alice.token in ticket or alice.id in ticket for ticket in tickets)
    assert len({len(ticket) for ticket in tickets}) == 1


@pytest.mark.parametrize("ticket", ["", "x", "A" * 43, "A" * 5000, "%00", "%F0%9F%8E%AB", "'--", "../../x"])
def test_invalid_ticket_is_rejected(endpoint: ChatEndpoint, ticket: str) -> None:
    assert _handshake(endpoint, query=f"ticket={ticket}") == 401


def test_ticket_is_rejected_by_http(http: HttpClient, clients: MakeClients) -> None:
    (alice,) = clients("alice")
    ticket = alice.post("/tickets").expect(201)["ticket"]
    http.request("GET", "/conversations", token=ticket).expect(401)
    http.request("GET", f"/conversations?ticket={ticket}").expect(401)


FORGED_HEADERS = {
    "X-User-Id": "{bob}",
    "X-User": "{bob}",
    "X-Participant-Id": "{bob}",
    "Participant-Id": "{bob}",
    "X-Amzn-Oidc-Identity": "{bob}",
    "X-Forwarded-User": "{bob}",
    "Remote-User": "{bob}",
    "Cookie": "participant_id={bob}",
    "From": "{bob}",
}


def test_client_headers_do_not_change_the_identity(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    his = bob.create_conversation("His")
    hers = alice.create_conversation("Hers", members=[bob])
    forged = {name: value.format(bob=bob.id) for name, value in FORGED_HEADERS.items()}
    alice.request("GET", f"/conversations/{his}", headers=forged).expect(404)
    sent = alice.request("POST", f"/conversations/{hers}/messages", {"content": "hi"}, headers=forged).expect(201)
    assert sent["sender"] == alice.actor
    socket = Socket(alice.endpoint.ws_url, headers={"Authorization": f"Bearer {alice.token}", **forged})
    alice.sockets.append(socket)
    assert socket.request("hello")["participant"] == alice.actor


@pytest.mark.parametrize("field", ["sender", "participant_id", "user_id", "user", "as", "from", "name"])
def test_body_and_frame_fields_do_not_change_the_identity(clients: MakeClients, field: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    forged: dict[str, Any] = {field: bob.actor if field == "sender" else bob.id}
    body = {"content": "I am bob", **forged}
    alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    answer = alice.socket.request(
        "message", conversation_id=chat, content="I am bob", client_message_id="x", **forged
    )
    assert answer["code"] == "VALIDATION_FAILED"
    assert answer["details"][0]["path"] == field
    for path in (f"/conversations/{chat}/messages", "/conversations", f"/conversations/{chat}"):
        alice.get(path, **{field: bob.id}).expect(400, "VALIDATION_FAILED")
    for path in ("read", "leave", "join"):
        method = "PUT" if path == "read" else "POST"
        alice.request(method, f"/conversations/{chat}/{path}", forged).expect(400, "VALIDATION_FAILED")
    assert alice.get_head(chat) == 1


def test_similar_participant_ids_are_different_participants(
    endpoint: ChatEndpoint, http: HttpClient, clients: MakeClients
) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    for similar in (alice.id.upper(), f"{alice.id}#", f"{alice.id}/", f"#{alice.id}", f"{alice.id}%20", "*"):
        other = TestClient(endpoint, http, similar, "Other")
        other.get(f"/conversations/{chat}").expect(404)
        assert chat not in [conversation["conversation_id"] for conversation in other.list_conversations()]


@pytest.mark.parametrize(
    "participant_id",
    ["auth0|5f{0}", "a#{0}", "C#{0}", "x/{0}?y=1&z", "{0}~!@$%^*()_+={{}}[]:;'\"<>,.\\`", "{0:0<255}"],
)
def test_participant_id_may_contain_any_visible_ascii(
    endpoint: ChatEndpoint, http: HttpClient, clients: MakeClients, participant_id: str
) -> None:
    (alice,) = clients("alice")
    odd = TestClient(endpoint, http, participant_id.format(alice.id), "Odd")
    chat = alice.create_conversation("Chat", members=[odd])
    try:
        odd.connect(chat)
        sent = odd.send_message(chat, "hello", mentions=[odd.id])
        assert odd.expect_message("hello")["sender"] == odd.actor
        assert sent["sequence_id"] == 2
        assert alice.set_role(chat, odd, "moderator")["participant_id"] == odd.id
        alice.remove_participant(chat, odd)
        odd.expect_frame(type="conversation_removed")
        assert [participant["participant_id"] for participant in alice.get_conversation(chat)["participants"]] == [
            alice.id
        ]
    finally:
        odd.disconnect()


def test_health_needs_no_credential(http: HttpClient) -> None:
    answer = http.request("GET", "/health").expect(200)
    assert answer["status"] == "ok"
    assert set(answer["checks"].values()) == {"ok"}


def _handshake(endpoint: ChatEndpoint, *, query: str = "", **options: Any) -> int:
    """Return the status with which a handshake is rejected."""
    url = f"{endpoint.ws_url}?{query}" if query else endpoint.ws_url
    with pytest.raises(InvalidStatus) as refused:
        Socket(url, **options).close()
    status: int = refused.value.response.status_code
    return status
