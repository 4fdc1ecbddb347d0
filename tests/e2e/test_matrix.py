"""Who may do what: each act of the table (`matrix.py`) by each kind of person, and what outsiders can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import app
from chalicelib.core.protocol.commands import COMMANDS
from tests.e2e.conftest import anybody
from tests.e2e.matrix import NO_CONVERSATION, OUTSIDE, ROLES, TABLE, VICTIMS, Act, Room
from tests.e2e.test_strangers import VARYING_HEADERS
from tests.support.client import Answer, Frame, Http, Person, Socket, Stage

USUAL = {"400": "VALIDATION_FAILED", "403": "FORBIDDEN", "404": "NOT_FOUND", "409": "ALREADY_PARTICIPANT"}
"""The code that a status stands for, where the table names no other."""
OF_NO_CONVERSATION = ("hello", "ping", "auth")


class Cast:
    """One person of each kind, and rooms for them."""

    def __init__(self, make: Callable[..., list[Person]]) -> None:
        """`make` makes people by their names."""
        self._make = make
        names = (*ROLES, *VICTIMS)
        self.people = dict(zip(names, make(*(name.replace(" ", "-") for name in names)), strict=True))
        self.stood: dict[str, tuple[Any, Any]] = {}
        """What `stands` said of the rooms that stay when they were made."""
        self._rooms: dict[tuple[bool, tuple[str, ...]], Room] = {}

    def room_that_stays(self, act: Act) -> Room:
        """A room for those whose acts are refused, or change nothing."""
        kind = act.is_open, act.invites
        if kind not in self._rooms:
            self._rooms[kind] = made = self.room(act)
            self.stood[made.chat] = self.stands(made)
        return self._rooms[kind]

    def for_the_next(self, act: Act) -> Cast:
        """Who is there when the next one does it: others, if it takes away who does it."""
        return Cast(self._make) if act.takes_away_who_does_it else self

    def stands(self, room: Room) -> tuple[Any, Any]:
        """The log and the audit of a room."""
        owner = self.people["owner"]
        return owner.log(room.chat), owner.audits(room.chat)

    def room(self, act: Act) -> Room:
        """A conversation as the act finds it."""
        people = self.people
        roles = {"moderator": "moderator", "a moderator": "moderator", "an owner": "owner"}
        inside = [name for name in people if name not in ("owner", "stranger", "nobody")]
        listed = [
            {"participant_id": people[name].id, "name": name.title(), "role": roles.get(name, "member")}
            for name in inside
        ]
        policy = "open" if act.is_open else "invite"
        owner = people["owner"]
        chat = owner.creates("Room", participants=listed, join_policy=policy)
        people["member"].posts(chat, "the message")
        people["former"].leaves(chat)
        for name in ("banned", "who is banned"):
            owner.bans(chat, people[name])
        owner.mutes(chat, people["muted"])
        invites = {name: str(owner.invites(chat)["invite"]) for name in act.invites}
        return Room(chat, people, invites)


@pytest.fixture(scope="module")
def closed_room(cast: Cast) -> Room:
    """One for all who are refused."""
    return cast.room_that_stays(TABLE[0])


@pytest.fixture(scope="module")
def cast(stage: Stage, http: Http) -> Iterator[Cast]:
    """Everybody; who acts over a socket opens one then, as every room is told to all sockets that there are."""
    with anybody(stage, http) as make:
        yield Cast(make)


def test_the_table_has_every_route_and_every_command() -> None:
    routes = {
        (method, path)
        for path, methods in app.routes.items()
        for method, entry in methods.items()
        if entry.authorizer is not None
    }
    assert {act.route for act in TABLE if not act.is_command} == routes
    assert {act.does for act in TABLE if act.is_command} == COMMANDS.keys()


@pytest.mark.parametrize("act", TABLE, ids=str)
def test_everybody_is_answered_as_the_table_says(cast: Cast, act: Act) -> None:
    refused = [role for role in ROLES if _is_refusal(act.answers[role])]
    stays = cast.room_that_stays(act)
    for role in refused:
        assert _told(act, stays, role) == act.answers[role], role
    room = stays if act.changes_nothing else None
    for role in ROLES:
        if role not in refused:
            if room is None or act.is_done_once:
                room = cast.for_the_next(act).room(act)
            assert _told(act, room, role) == act.answers[role], role
    assert cast.stands(stays) == cast.stood[stays.chat], "what is refused, or only looks, leaves nothing behind"


@pytest.mark.parametrize("act", [act for act in TABLE if act.is_command or "{chat}" in act.does], ids=str)
def test_who_is_outside_cannot_tell_not_theirs_from_not_there(closed_room: Room, act: Act) -> None:
    for role in OUTSIDE:
        if act.does not in OF_NO_CONVERSATION:
            foreign, absent = (_done(act, closed_room, role, chat) for chat in (None, NO_CONVERSATION))
            assert _comparable(foreign) == _comparable(absent), role


def test_no_command_is_done_for_a_token_that_has_expired(cast: Cast) -> None:
    # Routes, and all other credentials that do not hold: `test_identity_provider`.
    room, owner = cast.room(TABLE[0]), cast.people["owner"]
    stood = cast.stands(room)
    # For half a minute it opens a socket, as clocks may differ.
    expired = owner.stage.token(owner.id, owner.name, -10)
    socket = Socket(owner.stage.ws_url, headers={"Authorization": f"Bearer {expired}"})
    owner.sockets.insert(0, socket)
    for act in (each for each in TABLE if each.is_command):
        says = {name: room.filled(value, "owner") for name, value in act.says.items()}
        if act.does not in OF_NO_CONVERSATION:
            says["conversation_id"] = room.chat
        if act.does == "auth":
            says["token"] = owner.stage.token(owner.id, owner.name, -40)
        expected = "UNAUTHORIZED" if act.does == "auth" else "TOKEN_EXPIRED"
        assert socket.asks(act.does, **says)["code"] == expected, act.name
    assert cast.stands(room) == stood
    socket.close()


def _is_refusal(expected: str) -> bool:
    return expected[0] == "4" or expected.isupper()


def _done(act: Act, room: Room, role: str, chat: str | None = None) -> Answer | Frame | None:
    """What somebody is answered; None is silence."""
    who = room.people[role]
    says = {name: room.filled(value, role, chat) for name, value in act.says.items()}
    if not act.is_command:
        method, path = act.does.split(" ")
        return who.request(method, room.filled(path, role, chat), says or None)
    if act.does not in OF_NO_CONVERSATION:
        says["conversation_id"] = chat or room.chat
    socket = who.socket if who.sockets else who.connects()
    if act.answers[role] != "silence":
        return socket.asks(act.does, **says)
    number = socket.sends_numbered(act.does, **says)
    answers = socket.has_heard(id=number)
    return answers[0] if answers else None


def _told(act: Act, room: Room, role: str) -> str:
    """What somebody is answered, as the table says it."""
    answer = _done(act, room, role)
    if answer is None:
        return "silence"
    if isinstance(answer, Answer):
        status = str(answer.status)
        code = answer.body["error"]["code"] if answer.status >= 400 else None
        return status if code == USUAL.get(status) else f"{status}:{code}"
    return str(answer["code"] if answer["type"] == "error" else answer["type"])


def _comparable(answer: Answer | Frame | None) -> Any:
    """Everything of it that is not another one each time."""
    if isinstance(answer, Answer):
        headers = {name: value for name, value in answer.headers.items() if name not in VARYING_HEADERS}
        return answer.status, headers, {**answer.body, "request_id": ""}
    assert answer is not None
    return {name: value for name, value in answer.items() if name not in ("id", "conversation_id")}
