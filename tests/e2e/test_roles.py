"""Permissions of each role, and the rule that there is always an owner.

A `stranger` is not a participant and gets 404 for everything, as if the conversation did not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import Response, TestClient

ROLES = ("owner", "moderator", "member", "stranger")


@dataclass
class Cast:
    """A conversation with a caller and a target of every role."""

    chat: str
    actors: dict[str, TestClient]
    victims: dict[str, TestClient]
    newcomer: TestClient

    @property
    def path(self) -> str:
        """The path of the conversation."""
        return f"/conversations/{self.chat}"

    def participant(self, person: TestClient) -> str:
        """Return the path of a participant."""
        return f"{self.path}/participants?participant_id={person.id}"


@pytest.fixture
def cast(clients: MakeClients) -> Cast:
    """Return a new conversation."""
    actors = dict(zip(ROLES, clients(*ROLES), strict=True))
    victims = dict(zip(ROLES[:3], clients("owner-victim", "moderator-victim", "member-victim"), strict=True))
    (newcomer,) = clients("newcomer")
    others = [("moderator", actors["moderator"]), ("member", actors["member"]), *victims.items()]
    listed = [{"participant_id": who.id, "name": who.name, "role": role} for role, who in others]
    chat = actors["owner"].create_conversation("Chat", participants=listed)
    return Cast(chat, actors, victims, newcomer)


Action = Callable[[Cast, TestClient], Response]

WHO_MAY: dict[str, tuple[Action, int, set[str]]] = {
    "see it": (lambda cast, who: who.get(cast.path), 200, {"owner", "moderator", "member"}),
    "read its history": (
        lambda cast, who: who.get(f"{cast.path}/messages"),
        200,
        {"owner", "moderator", "member"},
    ),
    "read its log": (lambda cast, who: who.get(f"{cast.path}/events"), 200, {"owner", "moderator", "member"}),
    "send": (
        lambda cast, who: who.post(f"{cast.path}/messages", {"content": "hello"}),
        201,
        {"owner", "moderator", "member"},
    ),
    "mark as read": (
        lambda cast, who: who.put(f"{cast.path}/read", {"sequence_id": 1}),
        200,
        {"owner", "moderator", "member"},
    ),
    "change the title": (
        lambda cast, who: who.patch(cast.path, {"title": "Other"}),
        200,
        {"owner", "moderator"},
    ),
    "change the policy": (
        lambda cast, who: who.patch(cast.path, {"join_policy": "open"}),
        200,
        {"owner", "moderator"},
    ),
    "change the metadata": (
        lambda cast, who: who.patch(cast.path, {"metadata": {"a": 1}}),
        200,
        {"owner", "moderator"},
    ),
    "add a member": (lambda cast, who: _add(cast, who, "member"), 201, {"owner", "moderator"}),
    "add a moderator": (lambda cast, who: _add(cast, who, "moderator"), 201, {"owner"}),
    "add an owner": (lambda cast, who: _add(cast, who, "owner"), 201, {"owner"}),
    "remove a member": (lambda cast, who: _remove(cast, who, "member"), 204, {"owner", "moderator"}),
    "remove a moderator": (lambda cast, who: _remove(cast, who, "moderator"), 204, {"owner"}),
    "remove an owner": (lambda cast, who: _remove(cast, who, "owner"), 204, {"owner"}),
    "promote a member": (lambda cast, who: _give(cast, who, "member", "moderator"), 200, {"owner"}),
    "make a moderator owner": (lambda cast, who: _give(cast, who, "moderator", "owner"), 200, {"owner"}),
    "demote a moderator": (lambda cast, who: _give(cast, who, "moderator", "member"), 200, {"owner"}),
    "demote another owner": (lambda cast, who: _give(cast, who, "owner", "member"), 200, {"owner"}),
    "promote themselves": (
        lambda cast, who: who.patch(cast.participant(who), {"role": "owner"}),
        200,
        {"owner"},
    ),
    "remove themselves": (
        lambda cast, who: who.request("DELETE", cast.participant(who)),
        204,
        {"owner", "moderator", "member"},
    ),
    "leave": (lambda cast, who: who.post(f"{cast.path}/leave"), 200, {"owner", "moderator", "member"}),
    "delete it": (lambda cast, who: who.delete(cast.path), 204, {"owner"}),
}


@pytest.mark.parametrize("action", WHO_MAY)
def test_action_is_allowed_for_listed_roles_only(cast: Cast, action: str) -> None:
    act, success, allowed = WHO_MAY[action]
    everything = cast.actors["owner"].list_events(cast.chat)
    for role in ("stranger", "member", "moderator"):
        who = cast.actors[role]
        if role not in allowed:
            answer = act(cast, who)
            if role == "stranger":
                answer.expect(404, "NOT_FOUND")
            else:
                answer.expect(403, "FORBIDDEN")
    assert cast.actors["owner"].list_events(cast.chat) == everything, "a refusal leaves nothing behind"
    for role in ROLES:
        if role in allowed:
            act(cast, cast.actors[role]).expect(success)
            _undo(cast, action)


@pytest.mark.parametrize("role", ["owner", "moderator", "member"])
def test_member_cannot_join_again(cast: Cast, role: str) -> None:
    cast.actors[role].post(f"{cast.path}/join").expect(409, "ALREADY_PARTICIPANT")


def test_non_member_can_join_an_open_conversation_only(cast: Cast) -> None:
    stranger = cast.actors["stranger"]
    stranger.post(f"{cast.path}/join").expect(404, "NOT_FOUND")
    cast.actors["owner"].update_conversation(cast.chat, join_policy="open")
    stranger.get(cast.path).expect(404, "NOT_FOUND")
    view = stranger.join(cast.chat)
    assert {"participant_id": stranger.id, "role": "member"}.items() <= view["participants"][-1].items()
    assert view["join_policy"] == "open"


def test_adding_a_member_or_removing_a_non_member_is_rejected(cast: Cast) -> None:
    owner, member = cast.actors["owner"], cast.actors["member"]
    body = {"participant_id": member.id, "name": "Twice"}
    owner.post(f"{cast.path}/participants", body).expect(409, "ALREADY_PARTICIPANT")
    owner.request("DELETE", cast.participant(cast.newcomer)).expect(404, "NOT_FOUND")
    owner.patch(cast.participant(cast.newcomer), {"role": "member"}).expect(404, "NOT_FOUND")
    assert owner.get_head(cast.chat) == 1


def test_last_owner_cannot_be_demoted(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    alone, chat = alice.create_conversation("Alone"), alice.create_conversation("Chat", members=[bob])
    for conversation_id in (alone, chat):
        path = f"/conversations/{conversation_id}/participants?participant_id={alice.id}"
        alice.patch(path, {"role": "member"}).expect(409, "LAST_OWNER")
        assert alice.get_head(conversation_id) == 1
    alice.set_role(chat, bob, "owner")
    assert alice.set_role(chat, alice, "member")["role"] == "member"
    assert alice.patch(f"/conversations/{chat}", {"title": "x"}).status == 403


def test_last_owner_who_leaves_is_succeeded_by_a_moderator(clients: MakeClients) -> None:
    alice, bob, carol, dave = clients("alice", "bob", "carol", "dave")
    chat = alice.create_conversation("Chat")
    for client in (bob, carol, dave):
        alice.add_participant(chat, client)
    alice.set_role(chat, carol, "moderator")
    bob.connect(chat)
    assert alice.leave(chat) == 3
    handed_on, left = bob.list_events(chat)[-2:]
    assert handed_on["type"] == "participant_updated"
    assert {"participant_id": carol.id, "role": "owner"}.items() <= handed_on["participant"].items()
    assert (left["type"], left["reason"], left["participant"]["participant_id"]) == (
        "participant_left",
        "left",
        alice.id,
    )
    assert [bob.expect_frame(type="event")["event"] for _ in range(2)] == [handed_on, left]
    assert {
        participant["participant_id"]: participant["role"]
        for participant in bob.get_conversation(chat)["participants"]
    } == {
        bob.id: "member",
        carol.id: "owner",
        dave.id: "member",
    }
    carol.delete_conversation(chat)


def test_owner_who_is_not_the_last_leaves_without_a_successor(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.set_role(chat, carol, "owner")
    alice.leave(chat)
    assert [event["type"] for event in bob.list_events(chat)][1:] == ["participant_updated", "participant_left"]
    assert {
        participant["participant_id"]: participant["role"]
        for participant in bob.get_conversation(chat)["participants"]
    } == {
        bob.id: "member",
        carol.id: "owner",
    }


def test_conversation_without_members_is_closed(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    alice.leave(chat)
    assert bob.leave(chat) == 0
    for client in (alice, bob):
        client.get(f"/conversations/{chat}").expect(404, "NOT_FOUND")
        client.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")


def test_setting_the_same_role_appends_no_event(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    assert alice.set_role(chat, bob, "member")["role"] == "member"
    assert alice.get_head(chat) == 1


def test_no_op_update_appends_no_event(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat", metadata={"a": 1})
    assert alice.update_conversation(chat)["title"] == "Chat"
    assert alice.update_conversation(chat, title="Chat", metadata={"a": 1}, join_policy="invite")["head"] == 1
    changed = alice.update_conversation(chat, title="Chat", metadata={})
    assert (changed["metadata"], changed["head"]) == ({}, 2)
    event = alice.list_events(chat)[-1]
    assert (event["type"], event["metadata"], "title" in event) == ("conversation_updated", {}, False)


def _add(cast: Cast, who: TestClient, role: str) -> Response:
    body = {"participant_id": cast.newcomer.id, "name": cast.newcomer.name, "role": role}
    return who.post(f"{cast.path}/participants", body)


def _remove(cast: Cast, who: TestClient, role: str) -> Response:
    return who.request("DELETE", cast.participant(cast.victims[role]))


def _give(cast: Cast, who: TestClient, victim: str, role: str) -> Response:
    return who.patch(cast.participant(cast.victims[victim]), {"role": role})


def _undo(cast: Cast, action: str) -> None:
    """Restore the participants that the next caller needs."""
    owner = cast.actors["owner"]
    if action.startswith("add "):
        owner.request("DELETE", cast.participant(cast.newcomer))
        owner.delete(f"{cast.path}/pending", participant_id=cast.newcomer.id)
    elif action.startswith("remove a member"):
        owner.add_participant(cast.chat, cast.victims["member"])
        cast.victims["member"].join(cast.chat)
