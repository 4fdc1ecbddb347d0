"""Frames made of the published AsyncAPI document, and frames that come near them, over a real socket.

Whatever they hold: each command is answered by what the document says answers it, nothing that is answered blames
us, and the socket goes on working. That frames are of their published shapes is looked at wherever they are heard.
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
from tests.e2e.conftest import anybody
from tests.e2e.fuzzing import Until, bounded, seeded
from tests.support.client import Frame, Http, Person
from tests.support.from_schema import ANY_JSON, disturbed, values
from tests.support.server import Server

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text(encoding="utf-8")
)
SCHEMAS = DOCUMENT["components"]["schemas"]
COMMANDS = {name: each for name, each in DOCUMENT["operations"].items() if each["action"] == "receive"}


@dataclass
class Room:
    """Somebody with a socket that hears a conversation in which something was said, and a stranger's one."""

    alice: Person
    chat: str
    strange: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def known(self) -> dict[str, st.SearchStrategy[Any]]:
        """What means something here."""
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
        }

    def number(self) -> str:
        """An id that no command had."""
        return f"fuzz-{next(self.numbers)}"

    def settles(self) -> list[Frame]:
        """All that was heard until now; none of it blames us."""
        socket = self.alice.socket
        pong = socket.asks("ping", heads={self.chat: 0})
        assert self.chat in pong["heads"], "the socket works, and is still whose it was"
        heard, socket.inbox = socket.inbox, []
        for each in heard:
            if each["type"] == "error":
                assert codes()[each["code"]].status < 500, each
            assert each["type"] != "disconnect", each
        return heard


@pytest.fixture(scope="module")
def room(server: Server, http: Http) -> Iterator[Room]:
    with anybody(server.stage, http) as people:
        alice, eve = people("alice", "eve")
        chat, strange = alice.creates("Room"), eve.creates("Not yours")
        for number in range(4):
            alice.posts(chat, f"message {number}")
        alice.connects(chat)
        yield Room(alice, chat, strange)


def answers(command: str) -> set[str]:
    """The types of frames that answer a command, by the document."""
    names = [each["$ref"].rpartition("/")[2] for each in COMMANDS[command]["reply"]["messages"]]
    return {SCHEMAS[name]["properties"]["type"]["const"] for name in names}


def schema(command: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMAS[COMMANDS[command]["messages"][0]["$ref"].rpartition("/")[2]]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_document_is_answered_as_the_document_says(command: str, room: Room) -> None:
    until = Until()

    @seeded
    @bounded()
    @given(values(schema(command), SCHEMAS, room.known()))
    def hold(frame: dict[str, Any]) -> None:
        if until.is_over:
            return
        frame["id"] = room.number()
        text = json.dumps(frame, ensure_ascii=False)
        if len(text.encode()) > Limits().command_bytes:
            return  # API Gateway would close the socket
        room.alice.socket.sends_text(text)
        if answers(command) != {"error"}:
            answer = room.alice.socket.hears(id=frame["id"])
            assert answer["type"] in answers(command), (frame, answer)
            room.alice.socket.inbox.append(answer)
        room.settles()

    hold()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_comes_near_a_command_harms_nothing(command: str, room: Room) -> None:
    until = Until()

    @seeded
    @bounded()
    @given(disturbed(schema(command), SCHEMAS, room.known()))
    def hold(frame: dict[str, Any]) -> None:
        if not until.is_over:
            room.alice.socket.sends_text(json.dumps(frame))
            room.settles()

    hold()


def test_what_is_no_command_harms_nothing(room: Room) -> None:
    until = Until()

    @seeded
    @bounded(times=3)
    @given(ANY_JSON.map(json.dumps) | st.text(max_size=200).filter(lambda text: text.isprintable()))
    def hold(text: str) -> None:
        if not until.is_over:
            room.alice.socket.sends_text(text)
            room.settles()

    hold()
