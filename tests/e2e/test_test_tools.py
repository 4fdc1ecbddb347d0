"""The tests' own tools: the remote endpoint, and the checks of frames and responses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e.endpoints import VARIABLES, IncompleteEndpoint, remote_endpoint
from tests.e2e.selection import FEW_ROWS, NOT_ON_BUNDLE, is_whole, left_out, sample
from tests.e2e.targets import BUNDLE, MINISTACK
from tests.support.checking import check_answer, check_frame
from tests.support.socket_client import matches

PONG = {"type": "pong", "history_id": "0.x", "server_time": "2025-01-31T12:00:00.000Z"}
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
    "history_id": "0.x",
    "conversation_id": "conv_x",
    "head": 2,
    "participants": [],
    "read_up_to": 1,
    "unread_count": 1,
    "events": [MESSAGE],
    "has_more": False,
}


def test_no_remote_endpoint_without_variables() -> None:
    assert remote_endpoint({}) is None
    assert remote_endpoint(dict.fromkeys(VARIABLES, "")) is None


def test_incomplete_remote_endpoint_is_rejected() -> None:
    for name in VARIABLES:
        with pytest.raises(IncompleteEndpoint, match="needs all three"):
            remote_endpoint({name: "x"})


def test_token_command_receives_id_name_and_lifetime() -> None:
    command = f"{sys.executable} -c 'import sys; print(sys.argv[1:])'"
    endpoint = remote_endpoint(dict(zip(VARIABLES, ("http://h", "ws://w", command), strict=True)))
    assert endpoint is not None
    assert (endpoint.http_url, endpoint.ws_url) == ("http://h", "ws://w")
    assert endpoint.token("auth0|x y", "Alice", 60) == "['auth0|x y', 'Alice', '60']"


def push(*events: dict[str, Any]) -> dict[str, Any]:
    return {"type": "events", "history_id": "0.x", "conversation_id": "conv_x", "events": [*events]}


@pytest.mark.parametrize("frame", [PONG, push(MESSAGE), SYNC], ids=lambda frame: frame["type"])
def test_valid_frame_passes_the_check(frame: dict[str, Any]) -> None:
    assert check_frame(json.dumps(frame)) == frame


WRONG: dict[str, dict[str, Any]] = {
    "an unknown type": {"type": "pongg"},
    "an unknown field": {**PONG, "x": 1},
    "a missing field": {"type": "pong", "history_id": "0.x"},
    "a page without its history": {name: value for name, value in SYNC.items() if name != "history_id"},
    "null for what is absent": {**PONG, "heads": None},
    "a string for a number": {**PONG, "heads": {"conv_x": "1"}},
    "a time without milliseconds": {**PONG, "server_time": "2025-01-31T12:00:00Z"},
    "a time of another zone": {**PONG, "server_time": "2025-01-31T12:00:00.000+00:00"},
    "an event without its text": push({name: value for name, value in MESSAGE.items() if name != "content"}),
    "an event with a field of another type": push({**MESSAGE, "title": "x"}),
    "an event with an id of another kind": push({**MESSAGE, "message_id": "x"}),
    "a sender who says more than they should": push(
        {**MESSAGE, "sender": {"participant_id": "a", "name": "A", "type": "human", "role": "owner"}}
    ),
    "a push with a hole": push(MESSAGE, {**MESSAGE, "sequence_id": 4}),
    "a push without events": push(),
    "a push of two events that exceed a frame": push(
        {**MESSAGE, "content": 17_000 * "x"}, {**MESSAGE, "sequence_id": 3, "content": 17_000 * "x"}
    ),
    "a push of an event of another conversation": push({**MESSAGE, "conversation_id": "conv_y"}),
    "a page with a hole": {**SYNC, "head": 4, "events": [MESSAGE, {**MESSAGE, "sequence_id": 4}]},
    "a page beyond the head": {**SYNC, "head": 1},
    "a page that ends early and says that is all": {**SYNC, "head": 3},
}


@pytest.mark.parametrize("frame", WRONG.values(), ids=WRONG.keys())
def test_invalid_frame_fails_the_check(frame: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_frame(json.dumps(frame))


def test_needless_escape_fails_the_check() -> None:
    frame = json.dumps(push({**MESSAGE, "content": "\\u00e9 é \x07"}), ensure_ascii=False)
    check_frame(frame)
    with pytest.raises(AssertionError, match="escaped"):
        check_frame(frame.replace(" é ", r" \u00e9 "))


def test_invalid_response_fails_the_check() -> None:
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


def test_pattern_matches_a_superset() -> None:
    frame = {"type": "event", "event": {"sequence_id": 2, "type": "message"}}
    assert matches(frame, {})
    assert matches(frame, {"event": {"sequence_id": 2}})
    assert not matches(frame, {"event": {"sequence_id": 3}})
    assert not matches(frame, {"event": {"content": "x"}})
    assert not matches({"type": "event", "event": None}, {"event": {"sequence_id": 2}})


class FakeItem:
    """The attributes of a pytest item that the selection uses."""

    def __init__(self, file: str, name: str, target: str | None) -> None:
        self.nodeid = f"tests/e2e/{file}.py::{name}[{target}]"
        self.path = Path(f"{file}.py")
        self.callspec = None if target is None else SimpleNamespace(params={"chat_target": target})


@pytest.fixture
def in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The selection of `make test`, in a whole run as well."""
    monkeypatch.delenv("CHAT_E2E_WHOLE", raising=False)


def selected_rows(file: str, target: str | None, name: str = "test_a", rows: int = 12) -> int:
    items: list[Any] = [FakeItem(file, name, target) for _ in range(rows)]
    return rows - len(left_out(items))


@pytest.mark.usefixtures("in_part")
@pytest.mark.parametrize(
    ("file", "development", "bundle", "on_ministack"),
    [
        ("test_races", 12, 12, 0),
        ("test_bans", 12, 0, 0),
        ("test_presence", 12, 1, 1),
        ("test_messages", 12, 1, 0),
        ("test_bad_requests", 12, 2, 2),
        ("test_identity", 12, 1, 1),
        ("test_permission_matrix", 12, 12, 12),
    ],
)
def test_rows_are_selected_by_file_and_target(file: str, development: int, bundle: int, on_ministack: int) -> None:
    found = [selected_rows(file, target) for target in ("development", BUNDLE, MINISTACK, None)]
    assert found == [development, bundle, on_ministack, 12]


@pytest.mark.usefixtures("in_part")
def test_outsiders_are_answered_on_every_target_and_seldom_outside_development() -> None:
    (name,) = FEW_ROWS
    assert f"def {name}(" in Path(__file__).with_name("test_permission_matrix.py").read_text("utf-8")
    found = [
        selected_rows("test_permission_matrix", target, name) for target in ("development", BUNDLE, MINISTACK)
    ]
    assert found == [12, 2, 2]


@pytest.mark.usefixtures("in_part")
@pytest.mark.parametrize("file", ["test_message_updates", "test_fuzz_http", "test_fuzz_socket"])
def test_slow_tests_of_limits_and_of_invalid_input_run_in_development_only(file: str) -> None:
    source = Path(__file__).with_name(f"{file}.py").read_text("utf-8")
    (name,) = [name for name in NOT_ON_BUNDLE if f"def {name}(" in source]
    assert selected_rows(file, BUNDLE, name) == 0
    assert selected_rows(file, "development", name) == 12


def test_every_row_is_selected_on_every_target_by_a_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_E2E_WHOLE", "1")
    modules = [path.stem for path in Path(__file__).parent.glob("test_*.py")]
    items: list[Any] = [FakeItem(file, "test_a", target) for file in modules for target in (BUNDLE, MINISTACK)]
    assert is_whole()
    assert left_out(items) == []


@pytest.mark.usefixtures("in_part")
def test_sample_is_one_value_except_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sample("development", 1, "abc") == "abc"
    assert [sample(BUNDLE, number, "abc") for number in range(4)] == [["a"], ["b"], ["c"], ["a"]]
    assert sample(MINISTACK, 0, "") == ""
    monkeypatch.setenv("CHAT_E2E_WHOLE", "1")
    assert sample(BUNDLE, 1, "abc") == "abc"
