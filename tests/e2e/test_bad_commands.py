"""Whatever can be wrong with a frame: its exact answer, a socket that goes on working, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.protocol import commands
from tests.e2e.conftest import anybody
from tests.support import bad_values
from tests.support.bad_values import Bad, object_text
from tests.support.client import Frame, Http, Person, Socket, Stage


@dataclass
class Room:
    """A socket that is subscribed to a conversation; everything that is sent on it here is refused."""

    alice: Person
    chat: str
    socket: Socket

    def refuses(self, text: str) -> Frame:
        """The one error that a frame is answered with, after which the socket works and the log is as it was."""
        answer = self.error(text)
        self.is_as_before()
        return answer

    def error(self, text: str) -> Frame:
        """The error that a frame is answered with."""
        self.socket.sends_text(text)
        answer = self.socket.hears()
        assert answer["type"] == "error", answer
        assert len(json.dumps(answer)) < 2_000, "what the client sent is not sent back at any length"
        return answer

    def is_as_before(self) -> None:
        """The socket works, nothing else is heard on it, and the log is as it was."""
        pong = self.socket.asks("ping", heads={self.chat: 0})
        assert pong["heads"] == {self.chat: 1}
        assert self.socket.inbox == []


@pytest.fixture(scope="module")
def room(stage: Stage, http: Http) -> Iterator[Room]:
    """Nothing has happened in it but its creation."""
    with anybody(stage, http) as people:
        (alice,) = people("alice")
        chat = alice.creates("Room")
        yield Room(alice, chat, alice.connects(chat))


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
}
"""Every command with the fields that it must have, as they are right."""

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
    for command, model in commands.COMMANDS.items()
    for field in model.model_fields
    if field != "type"
}
"""By command and field: values that are rejected, with the field as the place of the first problem."""


@pytest.mark.parametrize(("command", "field"), FIELDS)
def test_a_bad_value_is_refused_and_named(room: Room, command: str, field: str) -> None:
    assert FIELDS[command, field], "no bad value is known of a field of this type"
    for kind, bad in FIELDS[command, field].items():
        answer = room.error(_frame(room, command, {field: bad.text}))
        assert answer["code"] == "VALIDATION_FAILED", kind
        assert answer["retryable"] is False
        assert answer["details"][0]["path"] == (f"{field}.{bad.at}" if bad.at else field), kind
    room.is_as_before()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_field_that_is_missing_is_named(room: Room, command: str) -> None:
    for field in COMMANDS[command]:
        answer = room.error(_frame(room, command, without=field))
        assert answer["code"] == "VALIDATION_FAILED"
        assert [each["path"] for each in answer["details"]] == [field]
    room.is_as_before()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_field_is_refused(room: Room, command: str) -> None:
    for name in bad_values.UNKNOWN_FIELDS:
        if name not in COMMANDS[command]:
            answer = room.error(_frame(room, command, {name: "1"}))
            assert answer["code"] == "VALIDATION_FAILED", name
    room.is_as_before()


@pytest.mark.parametrize("kind", bad_values.NOT_JSON)
def test_a_frame_that_is_not_json_is_refused(room: Room, kind: str) -> None:
    assert room.refuses(bad_values.NOT_JSON[kind])["code"] == "INVALID_JSON"


def test_a_frame_that_is_no_object_is_refused(room: Room) -> None:
    for kind, text in bad_values.NO_OBJECT.items():
        assert room.refuses(text)["code"] == "VALIDATION_FAILED", kind


def test_an_empty_frame_is_refused(room: Room) -> None:
    assert room.refuses("")["code"] == "INVALID_JSON"


@pytest.mark.parametrize("kind", ["5", "null", "true", '["ping"]', "{}", None])
def test_a_type_that_is_no_string_is_refused(room: Room, kind: str | None) -> None:
    answer = room.refuses(object_text({"id": '"a"'} if kind is None else {"id": '"a"', "type": kind}))
    assert answer["code"] == "VALIDATION_FAILED"
    assert answer["details"][0]["path"] == "type"
    assert answer["id"] == "a"


NO_COMMANDS = ("", "nope", "Message", "message ", "$connect", "$default", "__class__", "welcome", "\0", "é")


@pytest.mark.parametrize("name", [*NO_COMMANDS, "x" * 9_000], ids=ascii)
def test_an_unknown_command_is_refused(room: Room, name: str) -> None:
    answer = room.refuses(json.dumps({"type": name, "id": "mine", "conversation_id": room.chat}))
    assert answer["code"] == "UNKNOWN_COMMAND"
    assert (answer["id"], answer["conversation_id"]) == ("mine", room.chat)


def test_an_error_repeats_what_tells_the_client_which_command_it_is_for(room: Room) -> None:
    answer = room.refuses(_frame(room, "message", {"id": '"my id é 🙂"', "content": '""'}))
    assert (answer["id"], answer["conversation_id"], answer["client_message_id"]) == (
        "my id é 🙂",
        room.chat,
        "new",
    )


@pytest.mark.parametrize("name", ["id", "conversation_id", "client_message_id"])
def test_what_is_not_fit_to_be_repeated_is_not(room: Room, name: str) -> None:
    for text in ("5", "null", json.dumps("x" * 129), r'"\ud800"'):
        assert name not in room.refuses(object_text({"type": '"nope"', name: text}))


@pytest.mark.parametrize("kind", bad_values.UNKNOWN_CONVERSATION_ID)
def test_a_conversation_that_there_is_not_is_not_found(room: Room, kind: str) -> None:
    text = json.dumps(bad_values.UNKNOWN_CONVERSATION_ID[kind])
    commands = ["subscribe", "sync", "message", "edit", "delete", "react", "unreact", "read", "typing"]
    if kind != "well formed but of nothing":  # nobody hears such a one, and unsubscribing makes that so
        commands.append("unsubscribe")
    for command in commands:
        assert room.error(_frame(room, command, {"conversation_id": text}))["code"] == "NOT_FOUND"
    room.is_as_before()
    socket = room.socket
    socket.sends_text(_frame(room, "hello", {"id": '"h"', "subscribe": f'[{{"conversation_id":{text}}}]'}))
    assert socket.hears(id="h")["type"] == "welcome"
    assert socket.hears(id="h")["code"] == "NOT_FOUND"
    socket.sends_text(_frame(room, "ping", {"id": '"p"', "heads": f"{{{text}:0}}"}))
    assert socket.hears(id="p")["heads"] == {}


def test_what_the_gateway_lets_through_but_is_too_large_for_a_command_is_refused(room: Room) -> None:
    # A message may come in several frames of at most 32 KB each, up to 128 KB together.
    text = _frame(room, "message", {"content": json.dumps("x" * 60_000)})
    room.socket.sends_in_pieces([text[:30_000], text[30_000:]])
    answer = room.socket.hears()
    assert (answer["type"], answer["code"]) == ("error", "TOO_LARGE")
    assert room.alice.head(room.chat) == 1


def test_a_bad_frame_among_good_ones_disturbs_none_of_them(room: Room) -> None:
    socket = room.alice.connects()
    bad = list(bad_values.NOT_JSON.values()) + list(bad_values.NO_OBJECT.values())
    numbers = []
    for text in bad:
        numbers.append(socket.sends_numbered("ping"))
        socket.sends_text(text)
    for number in numbers:
        assert socket.answer_to(number)["type"] == "pong"
    for _ in bad:
        socket.hears(type="error")
    assert socket.inbox == []


def test_every_bad_frame_is_answered_also_before_anything_good_was_said(room: Room) -> None:
    for text in ("{", "[]", '{"type":"nope"}', object_text({"type": '"message"'})):
        socket = Socket(room.alice.stage.ws_url, headers={"Authorization": f"Bearer {room.alice.token}"})
        room.alice.sockets.append(socket)
        socket.sends_text(text)
        socket.hears(type="error")
        assert socket.asks("ping")["type"] == "pong"


def _frame(
    room: Room, command: str, changes: Mapping[str, str] | None = None, *, without: str | None = None
) -> str:
    """A command's right fields, some of them changed or taken away."""
    fields: dict[str, Any] = {
        name: json.dumps(room.chat) if text == "{chat}" else text
        for name, text in {"type": f'"{command}"', **COMMANDS[command], **(changes or {})}.items()
        if name != without
    }
    return object_text(fields)
