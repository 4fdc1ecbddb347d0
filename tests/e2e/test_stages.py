"""The tests' own tools: how a stage is named, and that what is not as it should be does not pass unnoticed."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.e2e.stages import VARIABLES, IncompleteStage, named_stage
from tests.support.checking import check_answer, check_frame
from tests.support.socket_client import matches

PONG = {"type": "pong", "server_time": "2025-01-31T12:00:00.000Z"}
MESSAGE = {
    "conversation_id": "conv_x",
    "sequence_id": 2,
    "type": "message",
    "created_at": "2025-01-31T12:00:00.000Z",
    "sender": {"participant_id": "alice", "name": "Alice", "type": "human"},
    "message_id": "msg_x",
    "content": "hello",
}
SYNC = {
    "type": "sync",
    "conversation_id": "conv_x",
    "head": 2,
    "participants": [],
    "events": [MESSAGE],
    "has_more": False,
}


def test_without_variables_no_stage_is_named() -> None:
    assert named_stage({}) is None
    assert named_stage(dict.fromkeys(VARIABLES, "")) is None


def test_a_stage_that_is_named_in_part_is_a_mistake() -> None:
    for name in VARIABLES:
        with pytest.raises(IncompleteStage, match="needs all three"):
            named_stage({name: "x"})


def test_the_command_of_a_stage_gets_who_how_they_are_called_and_for_how_long() -> None:
    command = f"{sys.executable} -c 'import sys; print(sys.argv[1:])'"
    stage = named_stage(dict(zip(VARIABLES, ("http://h", "ws://w", command), strict=True)))
    assert stage is not None
    assert (stage.http_url, stage.ws_url) == ("http://h", "ws://w")
    assert stage.token("auth0|x y", "Alice", 60) == "['auth0|x y', 'Alice', '60']"


@pytest.mark.parametrize(
    "frame", [PONG, {"type": "event", "event": MESSAGE}, SYNC], ids=lambda frame: frame["type"]
)
def test_a_frame_that_is_right_passes(frame: dict[str, Any]) -> None:
    assert check_frame(json.dumps(frame)) == frame


WRONG: dict[str, dict[str, Any]] = {
    "an unknown type": {"type": "pongg"},
    "an unknown field": {**PONG, "x": 1},
    "a missing field": {"type": "pong"},
    "null for what is absent": {**PONG, "heads": None},
    "a string for a number": {**PONG, "heads": {"conv_x": "1"}},
    "a time without milliseconds": {**PONG, "server_time": "2025-01-31T12:00:00Z"},
    "a time of another zone": {**PONG, "server_time": "2025-01-31T12:00:00.000+00:00"},
    "an event without its text": {
        "type": "event",
        "event": {name: value for name, value in MESSAGE.items() if name != "content"},
    },
    "an event with a field of another type": {"type": "event", "event": {**MESSAGE, "title": "x"}},
    "an event with an id of another kind": {"type": "event", "event": {**MESSAGE, "message_id": "x"}},
    "a sender who says more than they should": {
        "type": "event",
        "event": {**MESSAGE, "sender": {"participant_id": "a", "name": "A", "type": "human", "role": "owner"}},
    },
    "a page with a hole": {**SYNC, "head": 4, "events": [MESSAGE, {**MESSAGE, "sequence_id": 4}]},
    "a page beyond the head": {**SYNC, "head": 1},
    "a page that ends early and says that is all": {**SYNC, "head": 3},
}


@pytest.mark.parametrize("frame", WRONG.values(), ids=WRONG.keys())
def test_a_frame_that_is_wrong_is_noticed(frame: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_frame(json.dumps(frame))


def test_an_escape_that_is_not_needed_is_noticed() -> None:
    frame = json.dumps({"type": "event", "event": {**MESSAGE, "content": "\\u00e9 é \x07"}}, ensure_ascii=False)
    check_frame(frame)
    with pytest.raises(AssertionError, match="escaped"):
        check_frame(frame.replace(" é ", r" \u00e9 "))


def test_an_answer_that_is_wrong_is_noticed() -> None:
    ticket = {"ticket": "x", "expires_in": 30}
    check_answer("POST", "/tickets", 201, ticket)
    check_answer("DELETE", "/conversations/x", 204, None)
    refusal = {"error": {"code": "NOT_FOUND", "message": "Not found."}, "request_id": "x"}
    check_answer("GET", "/nothing", 404, refusal)
    for method, path, status, body in (
        ("POST", "/tickets", 200, ticket),
        ("POST", "/tickets", 201, {**ticket, "token": "x"}),
        ("GET", "/tickets", 200, ticket),
        ("DELETE", "/conversations/x", 204, {}),
        ("GET", "/nothing", 404, {"message": "Not found."}),
        ("GET", "/nothing", 404, {**refusal, "request_id": ""}),
        ("GET", "/nothing", 404, {**refusal, "error": {"code": "not found", "message": "x"}}),
    ):
        with pytest.raises(AssertionError):
            check_answer(method, path, status, body)


def test_a_pattern_matches_what_has_all_of_it() -> None:
    frame = {"type": "event", "event": {"sequence_id": 2, "type": "message"}}
    assert matches(frame, {})
    assert matches(frame, {"event": {"sequence_id": 2}})
    assert not matches(frame, {"event": {"sequence_id": 3}})
    assert not matches(frame, {"event": {"content": "x"}})
    assert not matches({"type": "event", "event": None}, {"event": {"sequence_id": 2}})
