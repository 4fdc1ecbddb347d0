"""Invalid frames: the exact error, a connection that keeps working, and no side effect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.protocol import parsing
from tests.e2e.conftest import client_factory
from tests.support import bad_values
from tests.support.bad_values import BATCHES, Bad, object_text
from tests.support.client import ChatEndpoint, Frame, HttpClient, Socket, TestClient


@dataclass
class Room:
    """A connection that is subscribed to a conversation. All frames that are sent on it here are rejected."""

    alice: TestClient
    chat: str
    socket: Socket

    def refuses(self, text: str) -> Frame:
        """Return the one error that answers a frame, and check that nothing else has changed."""
        answer = self.error(text)
        self.is_as_before()
        return answer

    def error(self, text: str) -> Frame:
        """Return the error that answers a frame."""
        self.socket.send_text(text)
        answer = self.socket.expect_frame()
        assert answer["type"] == "error", answer
        assert len(json.dumps(answer)) < 2_000, "what the client sent is not sent back at any length"
        return answer

    def is_as_before(self) -> None:
        """Check that the connection works, has received nothing else, and that the log is unchanged."""
        pong = self.socket.request("ping", heads={self.chat: 0})
        assert pong["heads"] == {self.chat: 1}
        assert self.socket.inbox == []


@pytest.fixture(scope="module")
def room(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[Room]:
    """Return a conversation that contains only its creation."""
    with client_factory(endpoint, http) as clients:
        (alice,) = clients("alice")
        chat = alice.create_conversation("Room")
        yield Room(alice, chat, alice.connect(chat))


COMMANDS: dict[str, Mapping[str, str]] = {
    "hello": {},
    "subscribe": {"conversation_id": "{chat}"},
    "unsubscribe": {"conversation_id": "{chat}"},
    "sync": {"conversation_id": "{chat}", "after": "0"},
    "message": {"conversation_id": "{chat}", "client_message_id": '"new"', "content": '"hello"'},
    "edit": {"conversation_id": "{chat}", "target": "1", "content": '"hello"'},
    "delete": {"conversation_id": "{chat}", "target": "1"},
    "react": {"conversation_id": "{chat}", "target": "1", "emoji": '"a"'},
    "unreact": {"conversation_id": "{chat}", "target": "1", "emoji": '"a"'},
    "read": {"conversation_id": "{chat}", "sequence_id": "1"},
    "typing": {"conversation_id": "{chat}", "is_typing": "true"},
    "auth": {"token": '"x"'},
    "ping": {},
    "batch": {"commands": '[{"type":"read","conversation_id":"{chat}","sequence_id":1}]'},
}
"""Every command with its required fields and valid values."""

MORE: dict[tuple[str, str], Mapping[str, Bad]] = {
    **{
        (command, "target"): {
            "an event that is no message": Bad("1"),
            "beyond the head": Bad("1000"),
        }
        for command in ("edit", "delete", "react", "unreact")
    },
    ("read", "sequence_id"): {"beyond the head": Bad("1000")},
    ("hello", "subscribe"): {
        "an object": Bad("{}"),
        "a string": Bad('"x"'),
        "strings": Bad('["x"]', "0"),
        "an empty object": Bad("[{}]", "0.conversation_id"),
        "a number for an id": Bad('[{"conversation_id":5}]', "0.conversation_id"),
        "a bad bound": Bad('[{"conversation_id":"x","after":-1}]', "0.after"),
        "an unknown field": Bad('[{"conversation_id":"x","limit":5}]', "0.limit"),
        "too many": Bad(json.dumps([{"conversation_id": "x"}] * 101)),
    },
    ("batch", "commands"): BATCHES,
    ("ping", "heads"): {
        "a list": Bad("[]"),
        "a string": Bad('"x"'),
        "a negative head": Bad('{"x":-1}', "x"),
        "a head that is a string": Bad('{"x":"1"}', "x"),
        "a head that is null": Bad('{"x":null}', "x"),
        "too many": Bad(json.dumps({f"x{number}": 0 for number in range(101)})),
    },
}
"""By command and field: values that are rejected for other reasons than the type of the field."""

FIELDS: dict[tuple[str, str], Mapping[str, Bad]] = {
    (command, field): {**bad_values.rejected_by(model, field), **MORE.get((command, field), {})}
    for command, model in parsing.COMMANDS.items()
    for field in model.model_fields
    if field != "type"
}
"""By command and field: values that are rejected, with the field as the place of the first problem."""


@pytest.mark.parametrize(("command", "field"), FIELDS)
def test_invalid_value_is_rejected_with_its_path(room: Room, command: str, field: str) -> None:
    assert FIELDS[command, field], "no bad value is known of a field of this type"
    for kind, bad in FIELDS[command, field].items():
        answer = room.error(_frame(room, command, {field: bad.text}))
        assert answer["code"] == "VALIDATION_FAILED", kind
        assert answer["retryable"] is False
        assert answer["details"][0]["path"] == (f"{field}.{bad.at}" if bad.at else field), kind
    room.is_as_before()


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_field_is_rejected_with_its_path(room: Room, command: str) -> None:
    for field in COMMANDS[command]:
        answer = room.error(_frame(room, command, without=field))
        assert answer["code"] == "VALIDATION_FAILED"
        assert [detail["path"] for detail in answer["details"]] == [field]
    room.is_as_before()


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_field_is_rejected(room: Room, command: str) -> None:
    for name in bad_values.UNKNOWN_FIELDS:
        if name not in COMMANDS[command]:
            answer = room.error(_frame(room, command, {name: "1"}))
            assert answer["code"] == "VALIDATION_FAILED", name
    room.is_as_before()


@pytest.mark.parametrize("kind", bad_values.NOT_JSON)
def test_frame_that_is_not_json_is_rejected(room: Room, kind: str) -> None:
    assert room.refuses(bad_values.NOT_JSON[kind])["code"] == "INVALID_JSON"


def test_frame_that_is_not_an_object_is_rejected(room: Room) -> None:
    for kind, text in bad_values.NO_OBJECT.items():
        assert room.refuses(text)["code"] == "VALIDATION_FAILED", kind


def test_empty_frame_is_rejected(room: Room) -> None:
    assert room.refuses("")["code"] == "INVALID_JSON"


@pytest.mark.parametrize("kind", ["5", "null", "true", '["ping"]', "{}", None])
def test_type_that_is_not_a_string_is_rejected(room: Room, kind: str | None) -> None:
    answer = room.refuses(object_text({"id": '"a"'} if kind is None else {"id": '"a"', "type": kind}))
    assert answer["code"] == "VALIDATION_FAILED"
    assert answer["details"][0]["path"] == "type"
    assert answer["id"] == "a"


NO_COMMANDS = ("", "nope", "Message", "message ", "$connect", "$default", "__class__", "welcome", "\0", "é")


@pytest.mark.parametrize("name", [*NO_COMMANDS, "x" * 9_000], ids=ascii)
def test_unknown_command_is_rejected(room: Room, name: str) -> None:
    answer = room.refuses(json.dumps({"type": name, "id": "mine", "conversation_id": room.chat}))
    assert answer["code"] == "UNKNOWN_COMMAND"
    assert (answer["id"], answer["conversation_id"]) == ("mine", room.chat)


def test_error_repeats_the_correlation_fields(room: Room) -> None:
    answer = room.refuses(_frame(room, "message", {"id": '"my id é 🙂"', "content": '""'}))
    assert (answer["id"], answer["conversation_id"], answer["client_message_id"]) == (
        "my id é 🙂",
        room.chat,
        "new",
    )


@pytest.mark.parametrize("name", ["id", "conversation_id", "client_message_id"])
def test_error_omits_invalid_correlation_fields(room: Room, name: str) -> None:
    for text in ("5", "null", json.dumps("x" * 129), r'"\ud800"'):
        assert name not in room.refuses(object_text({"type": '"nope"', name: text}))


@pytest.mark.parametrize("kind", bad_values.UNKNOWN_CONVERSATION_ID)
def test_unknown_conversation_is_not_found(room: Room, kind: str) -> None:
    text = json.dumps(bad_values.UNKNOWN_CONVERSATION_ID[kind])
    commands = ["subscribe", "sync", "message", "edit", "delete", "react", "unreact", "read", "typing"]
    if kind != "well formed but of nothing":  # not subscribed to it: unsubscribing is a no-op
        commands.append("unsubscribe")
    for command in commands:
        assert room.error(_frame(room, command, {"conversation_id": text}))["code"] == "NOT_FOUND"
    room.is_as_before()
    socket = room.socket
    socket.send_text(_frame(room, "hello", {"id": '"h"', "subscribe": f'[{{"conversation_id":{text}}}]'}))
    assert socket.expect_frame(id="h")["type"] == "welcome"
    assert socket.expect_frame(id="h")["code"] == "NOT_FOUND"
    socket.send_text(_frame(room, "ping", {"id": '"p"', "heads": f"{{{text}:0}}"}))
    assert socket.expect_frame(id="p")["heads"] == {}


def test_fragmented_frame_above_the_command_limit_is_rejected(room: Room) -> None:
    # A message may arrive in several frames of at most 32 KB each, up to 128 KB together.
    text = _frame(room, "message", {"content": json.dumps("x" * 60_000)})
    room.socket.send_fragments([text[:30_000], text[30_000:]])
    answer = room.socket.expect_frame()
    assert (answer["type"], answer["code"]) == ("error", "TOO_LARGE")
    assert room.alice.get_head(room.chat) == 1


def test_bad_frames_do_not_disturb_good_ones(room: Room) -> None:
    socket = room.alice.connect()
    bad = list(bad_values.NOT_JSON.values()) + list(bad_values.NO_OBJECT.values())
    numbers = []
    for text in bad:
        numbers.append(socket.send_with_id("ping"))
        socket.send_text(text)
    for number in numbers:
        assert socket.receive_reply(number)["type"] == "pong"
    for _ in bad:
        socket.expect_frame(type="error")
    assert socket.inbox == []


def test_bad_first_frame_is_answered(room: Room) -> None:
    for text in ("{", "[]", '{"type":"nope"}', object_text({"type": '"message"'})):
        socket = Socket(room.alice.endpoint.ws_url, headers={"Authorization": f"Bearer {room.alice.token}"})
        room.alice.sockets.append(socket)
        socket.send_text(text)
        socket.expect_frame(type="error")
        assert socket.request("ping")["type"] == "pong"


def _frame(
    room: Room, command: str, changes: Mapping[str, str] | None = None, *, without: str | None = None
) -> str:
    """Return a command with its valid fields, some of them changed or removed."""
    fields: dict[str, Any] = {
        name: json.dumps(room.chat) if text == "{chat}" else text.replace("{chat}", room.chat)
        for name, text in {"type": f'"{command}"', **COMMANDS[command], **(changes or {})}.items()
        if name != without
    }
    return object_text(fields)
