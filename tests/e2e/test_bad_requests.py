"""Invalid HTTP requests: the exact error, and no side effect.

The body of each error is checked against the error schema wherever a response is received.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.core.protocol import requests
from chalicelib.core.protocol.validation import Request
from tests.e2e.conftest import MakeClients, client_factory
from tests.support import bad_values
from tests.support.bad_values import BATCHES, Bad, object_text
from tests.support.client import ChatEndpoint, HttpClient, Response, TestClient


@dataclass
class Room:
    """A conversation that no rejected request may change."""

    alice: TestClient
    bob: TestClient
    chat: str
    before: list[Any]

    @property
    def path(self) -> str:
        """The path of the conversation."""
        return f"/conversations/{self.chat}"

    def sends(self, method: str, path: str, text: str | bytes) -> Response:
        """Send a request whose body is this text."""
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self.alice.request(method, path.format(self.path), raw=raw)

    def is_as_before(self) -> None:
        """Check that nothing has changed: no event, no other conversation, no read pointer."""
        assert self.alice.list_conversations() == self.before


@pytest.fixture(scope="module")
def room(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[Room]:
    """Return a conversation of Alice with Bob and one message."""
    with client_factory(endpoint, http) as clients:
        alice, bob = clients("alice", "bob")
        chat = alice.create_conversation("Room", members=[bob])
        alice.post_message(chat, "the only message")
        yield Room(alice, bob, chat, alice.list_conversations())


# ---- bodies ----------------------------------------------------------------------------------------------

MESSAGE = {"content": '"hello"'}
CONVERSATION = {"title": '"Title"'}
PARTICIPANT = {"participant_id": '"somebody"', "name": '"Somebody"'}

BODIES: dict[str, tuple[str, str, Mapping[str, str], type[Request]]] = {
    "create": ("POST", "/conversations", CONVERSATION, requests.CreateConversation),
    "open": ("PUT", "/direct?participant_id=x", {}, requests.OpenDirect),
    "change": ("PATCH", "{}", {}, requests.UpdateConversation),
    "add": ("POST", "{}/participants", PARTICIPANT, requests.NewParticipant),
    "give a role": ("PATCH", "{}/participants?participant_id=x", {}, requests.UpdateParticipant),
    "invite": ("POST", "{}/invites", {}, requests.CreateInvite),
    "send": ("POST", "{}/messages", MESSAGE, requests.SendMessage),
    "edit": ("PATCH", "{}/messages/1", {"content": '"hello"'}, requests.EditMessage),
    "read": ("PUT", "{}/read", {"sequence_id": "1"}, requests.MoveReadPointer),
    "personal state": ("PATCH", "{}/me", {}, requests.UpdatePersonalState),
    "join": ("POST", "{}/join", {}, requests.Join),
    "leave": ("POST", "{}/leave", {}, requests.EmptyBody),
    "ticket": ("POST", "/tickets", {}, requests.EmptyBody),
    "batch": (
        "POST",
        "/batch",
        {"commands": '[{"type":"read","conversation_id":"conv_x","sequence_id":1}]'},
        requests.ExecuteBatch,
    ),
}
"""Every route that reads a body: method, path, valid values of the required fields, and the model."""

MORE: dict[tuple[str, str], Mapping[str, Bad]] = {
    ("create", "participants"): {
        "a string": Bad('"bob"'),
        "an object": Bad('{"participant_id":"bob","name":"Bob"}'),
        "strings": Bad('["bob"]', "0"),
        "null inside": Bad("[null]", "0"),
        "an empty object": Bad("[{}]", "0.participant_id"),
        "no name": Bad('[{"participant_id":"bob"}]', "0.name"),
        "an unknown field": Bad('[{"participant_id":"bob","name":"Bob","admin":true}]', "0.admin"),
        "a bad role in the second": Bad(
            '[{"participant_id":"a","name":"A"},{"participant_id":"b","name":"B","role":"king"}]', "1.role"
        ),
        "a participant twice": Bad(
            '[{"participant_id":"a","name":"A"},{"participant_id":"a","name":"A"}]', "0.participant_id"
        ),
        "a hundred and the caller": Bad(
            json.dumps([{"participant_id": f"p{number}", "name": "P"} for number in range(100)])
        ),
        "ten thousand": Bad(json.dumps([{"participant_id": f"p{n}", "name": "P"} for n in range(5_000)])),
    },
    ("read", "sequence_id"): {"beyond the head": Bad("1000")},
    ("batch", "commands"): BATCHES,
}
"""By route and field: values that are rejected for other reasons than the type of the field."""

FIELDS: dict[tuple[str, str], Mapping[str, Bad]] = {
    (route, field): {**bad_values.rejected_by(model, field), **MORE.get((route, field), {})}
    for route, (_, _, _, model) in BODIES.items()
    for field in model.model_fields
}
"""By route and field: values that are rejected, with the field as the place of the first problem."""

EMPTY_IS_FINE = ("change", "personal state", "open", "join", "leave", "ticket", "give a role", "invite")
"""Routes without required fields."""


@pytest.mark.parametrize(("route", "field"), FIELDS)
def test_invalid_value_is_rejected_with_its_path(room: Room, route: str, field: str) -> None:
    assert FIELDS[route, field], "no bad value is known of a field of this type"
    method, path, good, _ = BODIES[route]
    for kind, bad in FIELDS[route, field].items():
        answer = room.sends(method, path, object_text({**good, field: bad.text}))
        assert (answer.status, answer.body["error"]["code"]) == (400, "VALIDATION_FAILED"), kind
        expected = f"{field}.{bad.at}" if bad.at else field
        assert answer.body["error"]["details"][0]["path"] == expected, kind
    room.is_as_before()


@pytest.mark.parametrize("route", BODIES)
def test_missing_field_is_rejected_with_its_path(room: Room, route: str) -> None:
    method, path, good, _ = BODIES[route]
    for field in good:
        rest = {name: text for name, text in good.items() if name != field}
        error = room.sends(method, path, object_text(rest)).expect(400, "VALIDATION_FAILED")["error"]
        assert field in [detail["path"] for detail in error["details"]]
    room.is_as_before()


@pytest.mark.parametrize("route", BODIES)
def test_unknown_field_is_rejected(room: Room, route: str) -> None:
    method, path, good, _ = BODIES[route]
    for name in bad_values.UNKNOWN_FIELDS:
        if name not in good:
            answer = room.sends(method, path, object_text({**good, name: "1"}))
            error = answer.expect(400, "VALIDATION_FAILED")["error"]
            assert len(json.dumps(error)) < 500, "what the client sent is not sent back at any length"
    room.is_as_before()


@pytest.mark.parametrize("route", BODIES)
def test_body_that_is_not_json_is_rejected(room: Room, route: str) -> None:
    method, path, *_ = BODIES[route]
    for kind, text in bad_values.NOT_JSON.items():
        answer = room.sends(method, path, text)
        assert (answer.status, answer.body["error"]["code"]) == (400, "INVALID_JSON"), kind
    for raw in (b"\xff\xfe", '{"title":"x"}'.encode("utf-16"), b"\x1f\x8b\x08"):
        room.sends(method, path, raw).expect(400, "INVALID_JSON")
    room.is_as_before()


@pytest.mark.parametrize("route", BODIES)
def test_body_that_is_not_an_object_is_rejected(room: Room, route: str) -> None:
    method, path, *_ = BODIES[route]
    for kind, text in bad_values.NO_OBJECT.items():
        answer = room.sends(method, path, text)
        assert (answer.status, answer.body["error"]["code"]) == (400, "VALIDATION_FAILED"), kind
    room.is_as_before()


@pytest.mark.parametrize("route", [route for route in BODIES if route not in EMPTY_IS_FINE])
def test_missing_body_is_rejected(room: Room, route: str) -> None:
    method, path, *_ = BODIES[route]
    room.alice.request(method, path.format(room.path)).expect(400, "INVALID_JSON")
    room.is_as_before()


@pytest.mark.parametrize("route", BODIES)
def test_body_above_the_limit_is_rejected(room: Room, route: str) -> None:
    method, path, good, _ = BODIES[route]
    text = object_text(good)
    room.sends(method, path, text + " " * (256 * 1024 + 1 - len(text))).expect(413, "TOO_LARGE")
    room.is_as_before()


def test_body_above_the_gateway_limit_is_rejected_with_the_same_error(room: Room) -> None:
    room.sends("POST", "/conversations", b" " * (10 * 1024 * 1024 + 1)).expect(413, "TOO_LARGE")
    room.is_as_before()


def test_body_that_is_not_utf8_is_rejected(room: Room) -> None:
    # API Gateway decodes a body of a JSON type itself; a body of a binary type arrives as it was sent.
    headers = {"Content-Type": "application/octet-stream"}
    for title in (b"\xc3\x28", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf"):
        raw = b'{"title":"%s"}' % title
        room.alice.post("/conversations", raw=raw, headers=headers).expect(400, "INVALID_JSON")
    room.is_as_before()


def test_compressed_body_is_rejected(room: Room) -> None:
    raw = gzip.compress(b'{"title":"x"}')
    headers = {"Content-Encoding": "gzip"}
    room.alice.post("/conversations", raw=raw, headers=headers).expect(400, "INVALID_JSON")
    room.is_as_before()


def test_body_is_parsed_as_json_with_any_content_type(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    for kind in (
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "nonsense",
    ):
        made = alice.post("/conversations", {"title": "ünïcödé 🙂"}, headers={"Content-Type": kind}).expect(201)
        assert made["title"] == "ünïcödé 🙂"


# ---- queries ---------------------------------------------------------------------------------------------

NO_NUMBERS = (
    "", "x", "-1", "1.0", "1e1", "%2B1", "%201", "1%20", "0x1", "true", "null", "NaN",
    "%D9%A1", "%EF%BC%91", "1_0", "9999999999999999999999", "9007199254740992", "%00", "%FF", "[1]", "1,2",
)  # fmt: skip

QUERIES: dict[str, tuple[str, ...]] = {
    "/conversations": ("limit",),
    "{}/messages": ("limit", "before", "after"),
    "{}/events": ("limit", "after"),
    "{}/bans": ("limit",),
    "{}/invites": ("limit",),
    "{}/audit": ("limit", "after"),
    "{}/messages/2/reactions": ("limit",),
}


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in QUERIES.items() for name in names])
def test_query_parameter_that_is_not_a_number_is_rejected(room: Room, path: str, name: str) -> None:
    for value in (*NO_NUMBERS, *(("0", "101", "1000000") if name == "limit" else ())):
        answer = room.alice.get(f"{path.format(room.path)}?{name}={value}")
        error = answer.expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == name
        room.alice.get(f"{path.format(room.path)}?{name}=1&{name}=2").expect(400, "VALIDATION_FAILED")


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/conversations"), ("GET", "{}"), ("GET", "{}/messages"), ("GET", "{}/events"),
    ("POST", "{}/messages"), ("PATCH", "{}/messages/1"), ("DELETE", "{}/messages/1"),
    ("GET", "{}/messages/1/reactions"), ("PUT", "{}/messages/1/reactions"), ("DELETE", "{}/messages/1/reactions"),
    ("PATCH", "{}"), ("DELETE", "{}"), ("POST", "{}/join"), ("POST", "{}/leave"),
    ("POST", "{}/participants"), ("PATCH", "{}/participants"), ("DELETE", "{}/participants"),
    ("PUT", "{}/read"), ("POST", "/conversations"), ("PUT", "/direct"), ("POST", "/tickets"),
])  # fmt: skip
def test_unknown_query_parameter_is_rejected(room: Room, method: str, path: str) -> None:
    good = {"participant_id": room.bob.id} if path.endswith("participants") and method != "POST" else {}
    for name in ("x", "Limit", "limit%20", "participantId", "%F0%9F%99%82", "%00", "a%5B%5D", ""):
        query = "&".join([*(f"{key}={value}" for key, value in good.items()), f"{name}=1"])
        room.alice.request(method, f"{path.format(room.path)}?{query}").expect(400, "VALIDATION_FAILED")
    room.is_as_before()


def test_empty_participant_update_is_rejected(room: Room) -> None:
    path = f"{room.path}/participants?participant_id={room.bob.id}"
    nothing: tuple[Any, ...] = ({}, None)
    for body in nothing:
        error = room.alice.request("PATCH", path, body).expect(400, "VALIDATION_FAILED")["error"]
        assert "role or muted_for" in error["details"][0]["problem"]
    room.is_as_before()


@pytest.mark.parametrize("path", ["{}/bans", "{}/invites", "{}/audit", "/conversations"])
def test_invalid_cursor_is_rejected(room: Room, path: str) -> None:
    for cursor in ("", "x", "%00", "WzFd", "WyJhIiwiYiJd", "bnVsbA==", "e30=", "W10=", "[1]", "A" * 513, "%FF"):
        answer = room.alice.get(f"{path.format(room.path)}?cursor={cursor}")
        error = answer.expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "cursor"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_invalid_participant_id_is_rejected(room: Room, method: str) -> None:
    body = {"role": "member"} if method == "PATCH" else None
    for value in ("", "%20", "a%20b", "%C3%A9", "%00", "%FF", "x" * 256, "a%0A"):
        path = f"{room.path}/participants?participant_id={value}"
        error = room.alice.request(method, path, body).expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "participant_id"
    room.alice.request(method, f"{room.path}/participants", body).expect(400, "VALIDATION_FAILED")
    for value in ("x" * 255, "%23", "a/b", "%7C", "%25", "a%2Bb", "null"):
        path = f"{room.path}/participants?participant_id={value}"
        room.alice.request(method, path, body).expect(404, "NOT_FOUND")
    room.is_as_before()


# ---- paths and methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["", "/messages", "/events"])
def test_unknown_conversation_id_is_not_found(room: Room, rest: str) -> None:
    for kind, value in bad_values.UNKNOWN_CONVERSATION_ID.items():
        if value and len(value) < 5_000 and kind != "a lone surrogate":
            answer = room.alice.get(f"/conversations/{quote(value, safe='')}{rest}")
            assert answer.status == 404, kind
    for value in ("%FF", "%C3", "%ED%A0%80", "%2e%2e", "conv_%", "*", "{conversation_id}", "null", "-1"):
        room.alice.get(f"/conversations/{value}{rest}").expect(404, "NOT_FOUND")


@pytest.mark.parametrize("path", [
    "/", "/nothing", "/Conversations", "/conversation", "//conversations", "/health/x",
    "{}/nothing", "{}/messages/2/reactions/x", "{}/events/1", "{}/participants/x",
    "{}/read/1", "/tickets/x", "/me/x", "/@connections/x", "/local", "/%2e%2e/conversations", "/conversations%2F",
])  # fmt: skip
def test_unknown_path_is_not_found(room: Room, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = room.alice.request(method, path.format(room.path))
        answer.expect(404, "NOT_FOUND")
        assert answer.headers["access-control-allow-origin"] == "*"


METHODS: dict[str, set[str]] = {
    "/conversations": {"GET", "POST"},
    "{}": {"GET", "PATCH", "DELETE"},
    "{}/join": {"POST"},
    "{}/leave": {"POST"},
    "{}/participants": {"POST", "PATCH", "DELETE"},
    "{}/bans": {"GET", "DELETE"},
    "{}/invites": {"GET", "POST"},
    "{}/invites/x": {"DELETE"},
    "{}/audit": {"GET"},
    "{}/reports": {"GET"},
    "{}/reports/x": {"PATCH"},
    "{}/messages/2/report": {"POST"},
    "{}/messages": {"GET", "POST"},
    "{}/messages/2": {"PATCH", "DELETE"},
    "{}/messages/2/reactions": {"GET", "PUT", "DELETE"},
    "{}/events": {"GET"},
    "{}/read": {"PUT"},
    "{}/me": {"PATCH"},
    "/me": {"GET", "DELETE"},
    "/me/profile": {"PUT"},
    "/me/export": {"GET"},
    "/me/erasure": {"GET"},
    "/tickets": {"POST"},
    "/service/conversations": {"GET", "POST"},
    "/service{}": {"GET", "PATCH", "DELETE"},
    "/service{}/messages": {"GET", "POST"},
    "/service{}/messages/2": {"DELETE"},
    "/service{}/events": {"GET"},
    "/service{}/participants": {"POST", "PATCH", "DELETE"},
    "/service{}/bans": {"GET", "DELETE"},
    "/service{}/audit": {"GET"},
    "/service{}/messages/2/reactions": {"DELETE"},
    "/service{}/invites": {"GET", "POST"},
    "/service{}/invites/x": {"DELETE"},
    "/service{}/pending": {"GET", "DELETE"},
    "/service{}/reports": {"GET"},
    "/service{}/reports/rpt_x": {"PATCH"},
    "/service/reports": {"GET"},
    "/service/participants": {"GET", "PATCH", "DELETE"},
    "/service/participants/export": {"GET"},
    "/service/participants/erasure": {"GET"},
    "/service/endpoints": {"GET", "POST"},
    "/service/endpoints/ep_x": {"GET", "PATCH", "DELETE"},
    "/service/endpoints/ep_x/secret": {"POST"},
    "/service/endpoints/ep_x/resume": {"POST"},
    "/service/endpoints/ep_x/test": {"POST"},
    "/health": {"GET"},
}


@pytest.mark.parametrize("path", METHODS)
def test_wrong_method_is_answered_with_an_error_body(room: Room, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - METHODS[path]:
        answer = room.alice.request(method, path.format(room.path))
        answer.expect(405, "METHOD_NOT_ALLOWED")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(answer.headers["allow"].split(", ")) == METHODS[path] | {"OPTIONS"}
    room.is_as_before()


def test_unknown_method_is_answered_with_an_error_body(room: Room) -> None:
    for path in METHODS:
        for no_method in ("FOO", "get", "TRACE"):
            # API Gateway takes a token for an AWS signature if no method matches.
            assert room.alice.request(no_method, path.format(room.path)).status in (400, 401), path
    room.is_as_before()


@pytest.mark.parametrize("path", METHODS)
def test_preflight_request_is_allowed(room: Room, path: str) -> None:
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = room.alice.request("OPTIONS", path.format(room.path), token=None, headers=headers, checked=False)
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = {method.strip() for method in answer.headers["access-control-allow-methods"].split(",")}
    assert METHODS[path] <= allowed
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert answer.headers["access-control-max-age"] == "600"


def test_every_response_has_cors_headers(room: Room, http: HttpClient) -> None:
    answers = [
        room.alice.get("/conversations"),
        room.alice.get("/conversations", limit=0),
        room.alice.get("/conversations/conv_x"),
        room.alice.get("/nothing"),
        http.request("GET", "/conversations"),
        http.request("GET", "/conversations", token="bad"),
    ]
    assert [answer.status for answer in answers] == [200, 400, 404, 404, 401, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*", answer.request
        assert answer.headers["content-type"].startswith("application/json")


def test_every_error_has_the_request_id_of_the_gateway(room: Room) -> None:
    refusals = [room.alice.get("/conversations", limit=0) for _ in range(3)]
    ids = [answer.body["request_id"] for answer in refusals]
    assert len(set(ids)) == 3
    assert ids == [answer.headers["x-amzn-requestid"] for answer in refusals]
