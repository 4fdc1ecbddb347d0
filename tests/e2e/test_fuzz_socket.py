"""Frames that are generated from the published AsyncAPI document, and mutations of them, over a real socket.

Each command is answered by a documented reply, no reply is a server error, and the connection keeps working. The
shapes of frames are checked wherever they are received.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kernel.limits import Limits
from specs.error_codes import codes
from tests.e2e.conftest import client_factory
from tests.e2e.fuzzing import Until, bounded, seeded
from tests.support.client import Frame, HttpClient, TestClient
from tests.support.from_schema import ANY_JSON, disturbed, values
from tests.support.server import ServerProcess

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text(encoding="utf-8")
)
SCHEMAS = DOCUMENT["components"]["schemas"]
COMMANDS = {
    name: operation for name, operation in DOCUMENT["operations"].items() if operation["action"] == "receive"
}


@dataclass
class Room:
    """A client that is subscribed to a conversation with messages, and a conversation of another client."""

    target: str
    alice: TestClient
    chat: str
    strange: str
    history_id: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def known(self) -> dict[str, st.SearchStrategy[Any]]:
        """Return strategies for values that refer to existing data."""
        few = st.integers(0, 6)
        return {
            "conversation_id": st.sampled_from([self.chat, self.chat, self.strange]),
            "target": st.integers(1, 6),
            "reply_to": st.integers(1, 6),
            "sequence_id": few,
            "after": few,
            "emoji": st.sampled_from(["👍", "🎉", "👩‍👩‍👧", "x"]),
            "heads": st.dictionaries(st.sampled_from([self.chat, self.strange]), few),
            "token": st.just(self.alice.token),
            "history_id": st.sampled_from([self.history_id, "0.older"]),
        }

    def names_newer_history(self, frame: dict[str, Any]) -> bool:
        """Return whether a frame names a newer history than the server's, which is answered UNAVAILABLE."""
        named = frame.get("history_id")
        if not isinstance(named, str) or not named.partition(".")[0].isdigit():
            return False
        return int(named.partition(".")[0]) > int(self.history_id.partition(".")[0])

    def number(self) -> str:
        """Return an id that no command had."""
        return f"fuzz-{next(self.numbers)}"

    def settles(self) -> list[Frame]:
        """Return all frames that were received until now, and check that none is a server error."""
        socket = self.alice.socket
        pong = socket.request("ping", heads={self.chat: 0})
        assert self.chat in pong["heads"], "the socket works, and is still whose it was"
        received, socket.inbox = socket.inbox, []
        for frame in received:
            if frame["type"] == "error":
                assert codes()[frame["code"]].status < 500, frame
            assert frame["type"] != "disconnect", frame
        return received


@pytest.fixture(scope="module")
def room(chat_target: str, server: ServerProcess, http: HttpClient) -> Iterator[Room]:
    with client_factory(server.endpoint, http) as clients:
        alice, eve = clients("alice", "eve")
        chat, strange = alice.create_conversation("Room"), eve.create_conversation("Not yours")
        for number in range(4):
            alice.post_message(chat, f"message {number}")
        alice.connect(chat)
        history_id = alice.socket.request("ping", heads={chat: 0})["history_id"]
        yield Room(chat_target, alice, chat, strange, history_id)


def answers(command: str) -> set[str]:
    """Return the types of frames that answer a command, by the document."""
    names = [message["$ref"].rpartition("/")[2] for message in COMMANDS[command]["reply"]["messages"]]
    return {SCHEMAS[name]["properties"]["type"]["const"] for name in names}


def schema(command: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMAS[COMMANDS[command]["messages"][0]["$ref"].rpartition("/")[2]]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_valid_commands_are_answered_as_documented(command: str, room: Room) -> None:
    until = Until()

    @seeded
    @bounded(room.target)
    @given(values(schema(command), SCHEMAS, room.known()))
    def hold(frame: dict[str, Any]) -> None:
        if until.is_over or room.names_newer_history(frame):
            return
        frame["id"] = room.number()
        text = json.dumps(frame, ensure_ascii=False)
        if len(text.encode()) > Limits().frame_bytes:
            return  # API Gateway would close the connection
        room.alice.socket.send_text(text)
        if answers(command) != {"error"}:
            answer = room.alice.socket.expect_frame(id=frame["id"])
            assert answer["type"] in answers(command), (frame, answer)
            room.alice.socket.inbox.append(answer)
        room.settles()

    hold()


@pytest.mark.parametrize("command", COMMANDS)
def test_mutated_commands_do_no_harm(command: str, room: Room) -> None:
    until = Until()

    @seeded
    @bounded(room.target)
    @given(disturbed(schema(command), SCHEMAS, room.known()))
    def hold(frame: dict[str, Any]) -> None:
        if not (until.is_over or room.names_newer_history(frame)):
            room.alice.socket.send_text(json.dumps(frame))
            room.settles()

    hold()


def test_arbitrary_frames_do_no_harm(room: Room) -> None:
    until = Until()

    @seeded
    @bounded(room.target, times=3)
    @given(ANY_JSON.map(json.dumps) | st.text(max_size=200).filter(lambda text: text.isprintable()))
    def hold(text: str) -> None:
        if not until.is_over:
            room.alice.socket.send_text(text)
            room.settles()

    hold()
