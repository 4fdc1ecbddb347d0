"""Law L7: who somebody is, is what their credential says, on HTTP and at the handshake, and nothing else."""

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

from tests.e2e.conftest import People
from tests.support.client import Http, Person, Socket, Stage
from tests.support.server import Server

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
def test_a_bad_token_is_answered_401_on_http_and_at_the_handshake(
    server: Server, http: Http, people: People, kind: str
) -> None:
    (alice,) = people("alice")
    token = BAD_TOKENS[kind](alice.id, server.secret)
    for method, path in (("GET", "/conversations"), ("POST", "/tickets"), ("POST", "/conversations")):
        http.request(method, path, token=token).expect(401, "UNAUTHORIZED")
    assert _handshake(server.stage, headers={"Authorization": f"Bearer {token}"}) == 401
    assert _handshake(server.stage, offers=["chat.v1", f"bearer.{token}"]) == 401


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
def test_a_credential_that_is_missing_or_malformed_is_answered_401(
    stage: Stage, http: Http, people: People, headers: dict[str, str]
) -> None:
    (alice,) = people("alice")
    filled = {name: value.format(token=alice.token) for name, value in headers.items()}
    http.request("GET", "/conversations", headers=filled).expect(401, "UNAUTHORIZED")
    assert _handshake(stage, headers=filled) == 401


def test_the_clocks_may_differ_by_half_a_minute(server: Server, http: Http) -> None:
    for claims in ({"exp": int(time.time()) - 20}, {"nbf": int(time.time()) + 20}):
        token = _token(server.secret, sub="somebody", **claims)
        http.request("GET", "/conversations", token=token).expect(200)


def test_a_token_that_expires_is_refused_however_long_the_authorizer_remembers_it(
    server: Server, http: Http, people: People
) -> None:
    (alice,) = people("alice")
    expires = int(time.time()) - 28  # two seconds are left of the half minute that clocks may differ
    token = _token(server.secret, sub=alice.id, exp=expires)
    http.request("GET", "/conversations", token=token).expect(200)
    while time.time() < expires + 30:
        time.sleep(0.1)
    http.request("GET", "/conversations", token=token).expect(401, "UNAUTHORIZED")


def test_a_welcome_says_who_one_is_until_when_and_what_the_limits_are(people: People) -> None:
    (alice,) = people("alice")
    welcome = alice.connects().asks("hello")
    expires = jwt.decode(alice.token, options={"verify_signature": False})["exp"]
    assert welcome["participant"] == alice.reference
    assert welcome["expires_at"] == f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    assert welcome["ping_interval"] == 240
    assert welcome["limits"]["participants"] == 100
    assert welcome["limits"]["content_characters"] == 10_000


def test_a_token_in_the_query_string_is_no_credential(stage: Stage, http: Http, people: People) -> None:
    (alice,) = people("alice")
    for name in ("token", "access_token", "authorization", "Authorization"):
        http.request("GET", f"/conversations?{name}=Bearer%20{alice.token}").expect(401, "UNAUTHORIZED")
        assert _handshake(stage, query=f"{name}=Bearer%20{alice.token}") == 401
    assert _handshake(stage, query=f"ticket={alice.token}") == 401


def test_a_browser_may_offer_its_token_as_a_subprotocol_and_is_not_sent_it_back(people: People) -> None:
    (alice,) = people("alice")
    for offers in (["chat.v1", f"bearer.{alice.token}"], [f"bearer.{alice.token}", "chat.v1"]):
        socket = Socket(alice.stage.ws_url, offers=offers)
        alice.sockets.append(socket)
        assert socket.subprotocol == "chat.v1"
        assert socket.asks("hello")["participant"] == alice.reference


def test_a_program_that_offers_no_subprotocol_is_answered_none(people: People) -> None:
    (alice,) = people("alice")
    assert alice.connects().subprotocol is None


def test_two_different_credentials_at_once_are_refused(people: People) -> None:
    alice, bob = people("alice", "bob")
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert _handshake(alice.stage, headers=headers, offers=["chat.v1", f"bearer.{bob.token}"]) == 401
    ticket = bob.post("/tickets").expect(201)["ticket"]
    assert _handshake(alice.stage, headers=headers, query=f"ticket={ticket}") == 401


def test_a_ticket_opens_one_socket_as_the_one_who_asked_for_it(people: People) -> None:
    alice, bob = people("alice", "bob")
    given = alice.post("/tickets").expect(201)
    assert given["expires_in"] == 30
    socket = Socket(f"{alice.stage.ws_url}?ticket={given['ticket']}")
    alice.sockets.append(socket)
    assert socket.asks("hello")["participant"] == alice.reference
    assert _handshake(alice.stage, query=f"ticket={given['ticket']}") == 401
    chat = bob.creates("Chat", with_=[alice])
    assert socket.hears(type="conversation_added")["conversation"]["conversation_id"] == chat


def test_every_ticket_is_another_and_none_gives_away_the_token(people: People) -> None:
    (alice,) = people("alice")
    tickets = [alice.post("/tickets", {}).expect(201)["ticket"] for _ in range(3)]
    assert len(set(tickets)) == 3
    assert not any(alice.token in each or alice.id in each for each in tickets)
    assert len({len(each) for each in tickets}) == 1


@pytest.mark.parametrize("ticket", ["", "x", "A" * 43, "A" * 5000, "%00", "%F0%9F%8E%AB", "'--", "../../x"])
def test_a_made_up_ticket_is_answered_401(stage: Stage, ticket: str) -> None:
    assert _handshake(stage, query=f"ticket={ticket}") == 401


def test_a_ticket_is_no_credential_for_http(http: Http, people: People) -> None:
    (alice,) = people("alice")
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


def test_no_header_that_a_client_is_free_to_set_decides_who_they_are(people: People) -> None:
    alice, bob = people("alice", "bob")
    his = bob.creates("His")
    hers = alice.creates("Hers", with_=[bob])
    forged = {name: value.format(bob=bob.id) for name, value in FORGED_HEADERS.items()}
    alice.request("GET", f"/conversations/{his}", headers=forged).expect(404)
    sent = alice.request("POST", f"/conversations/{hers}/messages", {"content": "hi"}, headers=forged).expect(201)
    assert sent["sender"] == alice.reference
    socket = Socket(alice.stage.ws_url, headers={"Authorization": f"Bearer {alice.token}", **forged})
    alice.sockets.append(socket)
    assert socket.asks("hello")["participant"] == alice.reference


@pytest.mark.parametrize("field", ["sender", "participant_id", "user_id", "user", "as", "from", "name"])
def test_no_field_of_a_body_or_a_frame_decides_who_they_are(people: People, field: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    forged: dict[str, Any] = {field: bob.reference if field == "sender" else bob.id}
    body = {"content": "I am bob", **forged}
    alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    answer = alice.socket.asks(
        "message", conversation_id=chat, content="I am bob", client_message_id="x", **forged
    )
    assert answer["code"] == "VALIDATION_FAILED"
    assert answer["details"][0]["path"] == field
    for path in (f"/conversations/{chat}/messages", "/conversations", f"/conversations/{chat}"):
        alice.get(path, **{field: bob.id}).expect(400, "VALIDATION_FAILED")
    for path in ("read", "leave", "join"):
        method = "PUT" if path == "read" else "POST"
        alice.request(method, f"/conversations/{chat}/{path}", forged).expect(400, "VALIDATION_FAILED")
    assert alice.head(chat) == 1


def test_a_token_for_one_participant_says_nothing_about_another_of_a_similar_id(
    stage: Stage, http: Http, people: People
) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    for similar in (alice.id.upper(), f"{alice.id}#", f"{alice.id}/", f"#{alice.id}", f"{alice.id}%20", "*"):
        other = Person(stage, http, similar, "Other")
        other.get(f"/conversations/{chat}").expect(404)
        assert chat not in [each["conversation_id"] for each in other.lists()]


@pytest.mark.parametrize(
    "participant_id",
    ["auth0|5f{0}", "a#{0}", "C#{0}", "x/{0}?y=1&z", "{0}~!@$%^*()_+={{}}[]:;'\"<>,.\\`", "{0:0<255}"],
)
def test_a_participant_id_may_be_any_visible_ascii(
    stage: Stage, http: Http, people: People, participant_id: str
) -> None:
    (alice,) = people("alice")
    odd = Person(stage, http, participant_id.format(alice.id), "Odd")
    chat = alice.creates("Chat", with_=[odd])
    try:
        odd.connects(chat)
        said = odd.says(chat, "hello", mentions=[odd.id])
        assert odd.hears_message("hello")["sender"] == odd.reference
        assert said["sequence_id"] == 2
        assert alice.gives_role(chat, odd, "moderator")["participant_id"] == odd.id
        alice.removes(chat, odd)
        odd.hears(type="conversation_removed")
        assert [each["participant_id"] for each in alice.sees(chat)["participants"]] == [alice.id]
    finally:
        odd.disconnects()


def test_health_needs_no_credential(http: Http) -> None:
    answer = http.request("GET", "/health").expect(200)
    assert answer["status"] == "ok"
    assert set(answer["checks"].values()) == {"ok"}


def _handshake(stage: Stage, *, query: str = "", **options: Any) -> int:
    """The status with which a handshake is refused."""
    url = f"{stage.ws_url}?{query}" if query else stage.ws_url
    with pytest.raises(InvalidStatus) as refused:
        Socket(url, **options).close()
    status: int = refused.value.response.status_code
    return status
