"""Permissions: each action of `permission_matrix.py` by each role, and the answers to outsiders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import app
from chalicelib.core.protocol.parsing import COMMANDS
from tests.e2e.conftest import client_factory
from tests.e2e.permission_matrix import NO_CONVERSATION, OUTSIDE, ROLES, TABLE, VICTIMS, Act, Room
from tests.e2e.selection import sample
from tests.e2e.test_non_members import VARYING_HEADERS
from tests.support.client import ChatEndpoint, Frame, HttpClient, Response, Socket, TestClient
from tests.support.expiring import use_expiring, wait_until

USUAL = {"400": "VALIDATION_FAILED", "403": "FORBIDDEN", "404": "NOT_FOUND", "409": "ALREADY_PARTICIPANT"}
"""The error code of a status, where the matrix names no other."""
OF_NO_CONVERSATION = ("hello", "ping", "auth", "batch", "POST /batch")


class Cast:
    """One client of each role, and rooms for them."""

    def __init__(self, make: Callable[..., list[TestClient]]) -> None:
        """`make` makes clients with given names."""
        self._make = make
        names = (*ROLES, *VICTIMS)
        self.people = dict(zip(names, make(*(name.replace(" ", "-") for name in names)), strict=True))
        for name in ("a pending member", "a pending moderator"):
            self.people[name].put(f"/me/blocks?participant_id={self.people['owner'].id}").expect(204)
        self.stood: dict[str, tuple[Any, Any]] = {}
        """The log and the audit of each shared room when it was created."""
        self._rooms: dict[tuple[bool, tuple[str, ...]], Room] = {}

    def room_that_stays(self, act: Act) -> Room:
        """Return a shared room, for actions that are rejected or change nothing."""
        kind = act.is_open, act.invites
        if kind not in self._rooms:
            self._rooms[kind] = made = self.room(act)
            self.stood[made.chat] = self.stands(made)
        return self._rooms[kind]

    def for_the_next(self, act: Act) -> Cast:
        """Return the actors for the next caller: new ones if the action erases its caller."""
        return Cast(self._make) if act.removes_the_caller else self

    def stands(self, room: Room) -> tuple[Any, Any]:
        """Return the log and the audit of a room."""
        owner = self.people["owner"]
        return owner.list_events(room.chat), owner.list_audit(room.chat)

    def room(self, act: Act) -> Room:
        """Create a conversation for the action."""
        people = self.people
        roles = {"moderator": "moderator", "a moderator": "moderator", "an owner": "owner"}
        pending = ("a pending member", "a pending moderator")
        inside = [name for name in people if name not in ("owner", "stranger", "nobody", *pending)]
        listed = [
            {"participant_id": people[name].id, "name": name.title(), "role": roles.get(name, "member")}
            for name in inside
        ]
        policy = "open" if act.is_open else "invite"
        owner = people["owner"]
        chat = owner.create_conversation("Room", participants=listed, join_policy=policy)
        people["member"].post_message(chat, "the message")
        people["former"].leave(chat)
        for name in ("banned", "a banned user"):
            owner.ban(chat, people[name])
        owner.mute(chat, people["muted"])
        for name in pending:
            owner.add_participant(chat, people[name], role=name.removeprefix("a pending "))
        invites = {name: str(owner.create_invite(chat)["invite"]) for name in act.invites}
        return Room(chat, people, invites)


@pytest.fixture(scope="module")
def closed_room(cast: Cast) -> Room:
    """Return a room for rejected actions."""
    return cast.room_that_stays(TABLE[0])


@pytest.fixture(scope="module")
def cast(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[Cast]:
    """Return the actors. Sockets are opened only where needed, as each room is pushed to all open ones."""
    with client_factory(endpoint, http) as make:
        yield Cast(make)


def test_matrix_contains_every_route_and_every_command() -> None:
    routes = {
        (method, path)
        for path, methods in app.routes.items()
        for method, entry in methods.items()
        if entry.authorizer is not None
    }
    assert {act.route for act in TABLE if not act.is_command} == routes
    assert {act.does for act in TABLE if act.is_command} == COMMANDS.keys()


@pytest.mark.parametrize("act", TABLE, ids=str)
def test_every_role_is_answered_as_the_matrix_states(chat_target: str, cast: Cast, act: Act) -> None:
    rejected = [role for role in ROLES if _is_error(act.answers[role])]
    allowed = [role for role in ROLES if role not in rejected]
    stays = cast.room_that_stays(act)
    for role in sample(chat_target, TABLE.index(act), rejected):
        assert _answer(act, stays, role) == act.answers[role], role
    room = stays if act.changes_nothing else None
    for role in sample(chat_target, TABLE.index(act), allowed):
        if room is None or act.is_done_once:
            room = cast.for_the_next(act).room(act)
        assert _answer(act, room, role) == act.answers[role], role
    assert cast.stands(stays) == cast.stood[stays.chat], "what is refused, or only looks, leaves nothing behind"


@pytest.mark.parametrize("act", [act for act in TABLE if act.is_command or "{chat}" in act.does], ids=str)
def test_outsiders_cannot_distinguish_foreign_from_unknown_conversations(
    chat_target: str, closed_room: Room, act: Act
) -> None:
    for role in sample(chat_target, TABLE.index(act), OUTSIDE):
        if act.does not in OF_NO_CONVERSATION:
            foreign, absent = (_perform(act, closed_room, role, chat) for chat in (None, NO_CONVERSATION))
            assert _comparable(foreign) == _comparable(absent), role


def test_no_command_is_executed_for_an_expired_token(cast: Cast) -> None:
    # `test_identity_provider` covers routes and all other invalid credentials.
    room, owner = cast.room(TABLE[0]), cast.people["owner"]
    stood = cast.stands(room)

    # It opens a connection at the end of the leeway of thirty seconds.
    def connect(token: str) -> Socket:
        return Socket(owner.endpoint.ws_url, headers={"Authorization": f"Bearer {token}"})

    socket, ends_at = use_expiring(owner, connect, leeway=30)
    owner.sockets.insert(0, socket)
    wait_until(ends_at)
    for act in (row for row in TABLE if row.is_command):
        says = {name: room.filled(value, "owner") for name, value in act.says.items()}
        if act.does not in OF_NO_CONVERSATION:
            says["conversation_id"] = room.chat
        if act.does == "auth":
            says["token"] = owner.endpoint.token(owner.id, owner.name, -40)
        expected = "UNAUTHORIZED" if act.does == "auth" else "TOKEN_EXPIRED"
        assert socket.request(act.does, **says)["code"] == expected, act.name
    assert cast.stands(room) == stood
    socket.close()


def _is_error(expected: str) -> bool:
    return expected[0] == "4" or expected.isupper()


def _perform(act: Act, room: Room, role: str, chat: str | None = None) -> Response | Frame | None:
    """Return the reply to a command; None if there is none."""
    who = room.people[role]
    says = {name: room.filled(value, role, chat) for name, value in act.says.items()}
    if not act.is_command:
        method, path = act.does.split(" ")
        return who.request(method, room.filled(path, role, chat), says or None)
    if act.does not in OF_NO_CONVERSATION:
        says["conversation_id"] = chat or room.chat
    socket = who.socket if who.sockets else who.connect()
    if act.answers[role] != "silence":
        return socket.request(act.does, **says)
    number = socket.send_with_id(act.does, **says)
    answers = socket.received_frames(id=number)
    return answers[0] if answers else None


def _answer(act: Act, room: Room, role: str) -> str:
    """Return the answer in the notation of the matrix."""
    answer = _perform(act, room, role)
    if answer is None:
        return "silence"
    if isinstance(answer, Response) and "results" in (answer.body or {}):
        (result,) = answer.expect(200)["results"]
        status, code = str(result["status"]), result.get("code")
        return status if code == USUAL.get(status) else f"{status}:{code}"
    if isinstance(answer, dict) and answer["type"] == "batch_result":
        (answer,) = answer["results"]
    if isinstance(answer, Response):
        status = str(answer.status)
        code = answer.body["error"]["code"] if answer.status >= 400 else None
        return status if code == USUAL.get(status) else f"{status}:{code}"
    return str(answer["code"] if answer["type"] == "error" else answer["type"])


def _comparable(answer: Response | Frame | None) -> Any:
    """Return the parts of an answer that are the same each time."""
    if isinstance(answer, Response):
        headers = {name: value for name, value in answer.headers.items() if name not in VARYING_HEADERS}
        return answer.status, headers, {**answer.body, "request_id": ""}
    assert answer is not None
    return {name: value for name, value in answer.items() if name not in ("id", "conversation_id")}
