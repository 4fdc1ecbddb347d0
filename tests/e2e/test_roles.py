"""Who may do what: every role at every route, and the rule that there is always an owner.

The table is that of `core/conversations/membership.py`. `stranger` is somebody who is no participant: they get 404
for everything, as if the conversation did not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import People
from tests.support.client import Answer, Person

ROLES = ("owner", "moderator", "member", "stranger")


@dataclass
class Cast:
    """One conversation with somebody of every role, and somebody of every role to do something to."""

    chat: str
    actors: dict[str, Person]
    victims: dict[str, Person]
    newcomer: Person

    @property
    def path(self) -> str:
        """The conversation's own."""
        return f"/conversations/{self.chat}"

    def participant(self, person: Person) -> str:
        """The path of one participant."""
        return f"{self.path}/participants?participant_id={person.id}"


@pytest.fixture
def cast(people: People) -> Cast:
    """Ready to begin."""
    actors = dict(zip(ROLES, people(*ROLES), strict=True))
    victims = dict(zip(ROLES[:3], people("owner-victim", "moderator-victim", "member-victim"), strict=True))
    (newcomer,) = people("newcomer")
    others = [("moderator", actors["moderator"]), ("member", actors["member"]), *victims.items()]
    listed = [{"participant_id": who.id, "name": who.name, "role": role} for role, who in others]
    chat = actors["owner"].creates("Chat", participants=listed)
    return Cast(chat, actors, victims, newcomer)


Action = Callable[[Cast, Person], Answer]

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
def test_who_may(cast: Cast, action: str) -> None:
    act, success, allowed = WHO_MAY[action]
    everything = cast.actors["owner"].log(cast.chat)
    for role in ("stranger", "member", "moderator"):
        who = cast.actors[role]
        if role not in allowed:
            answer = act(cast, who)
            if role == "stranger":
                answer.expect(404, "NOT_FOUND")
            else:
                answer.expect(403, "FORBIDDEN")
    assert cast.actors["owner"].log(cast.chat) == everything, "a refusal leaves nothing behind"
    for role in ROLES:
        if role in allowed:
            act(cast, cast.actors[role]).expect(success)
            _undo(cast, action)


@pytest.mark.parametrize("role", ["owner", "moderator", "member"])
def test_a_participant_cannot_join_again(cast: Cast, role: str) -> None:
    cast.actors[role].post(f"{cast.path}/join").expect(409, "ALREADY_PARTICIPANT")


def test_a_stranger_can_join_what_is_open_and_sees_nothing_of_what_is_not(cast: Cast) -> None:
    stranger = cast.actors["stranger"]
    stranger.post(f"{cast.path}/join").expect(404, "NOT_FOUND")
    cast.actors["owner"].changes(cast.chat, join_policy="open")
    stranger.get(cast.path).expect(404, "NOT_FOUND")
    view = stranger.joins(cast.chat)
    assert {"participant_id": stranger.id, "role": "member"}.items() <= view["participants"][-1].items()
    assert view["join_policy"] == "open"


def test_nobody_can_be_added_twice_or_removed_when_they_are_not_there(cast: Cast) -> None:
    owner, member = cast.actors["owner"], cast.actors["member"]
    body = {"participant_id": member.id, "name": "Twice"}
    owner.post(f"{cast.path}/participants", body).expect(409, "ALREADY_PARTICIPANT")
    owner.request("DELETE", cast.participant(cast.newcomer)).expect(404, "NOT_FOUND")
    owner.patch(cast.participant(cast.newcomer), {"role": "member"}).expect(404, "NOT_FOUND")
    assert owner.head(cast.chat) == 1


def test_the_last_owner_cannot_become_anything_less(people: People) -> None:
    alice, bob = people("alice", "bob")
    alone, chat = alice.creates("Alone"), alice.creates("Chat", with_=[bob])
    for each in (alone, chat):
        path = f"/conversations/{each}/participants?participant_id={alice.id}"
        alice.patch(path, {"role": "member"}).expect(409, "LAST_OWNER")
        assert alice.head(each) == 1
    alice.gives_role(chat, bob, "owner")
    assert alice.gives_role(chat, alice, "member")["role"] == "member"
    assert alice.patch(f"/conversations/{chat}", {"title": "x"}).status == 403


def test_the_last_owner_who_leaves_hands_on_to_the_longest_standing(people: People) -> None:
    alice, bob, carol, dave = people("alice", "bob", "carol", "dave")
    chat = alice.creates("Chat")
    for each in (bob, carol, dave):
        alice.adds(chat, each)
    alice.gives_role(chat, carol, "moderator")
    bob.connects(chat)
    assert alice.leaves(chat) == 3
    handed_on, left = bob.log(chat)[-2:]
    assert handed_on["type"] == "participant_updated"
    assert {"participant_id": bob.id, "role": "owner"}.items() <= handed_on["participant"].items()
    assert (left["type"], left["reason"], left["participant"]["participant_id"]) == (
        "participant_left",
        "left",
        alice.id,
    )
    assert [bob.hears(type="event")["event"] for _ in range(2)] == [handed_on, left]
    assert {each["participant_id"]: each["role"] for each in bob.sees(chat)["participants"]} == {
        bob.id: "owner",
        carol.id: "moderator",
        dave.id: "member",
    }
    bob.deletes(chat)


def test_an_owner_who_is_not_the_last_one_hands_on_nothing(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.gives_role(chat, carol, "owner")
    alice.leaves(chat)
    assert [event["type"] for event in bob.log(chat)][1:] == ["participant_updated", "participant_left"]
    assert {each["participant_id"]: each["role"] for each in bob.sees(chat)["participants"]} == {
        bob.id: "member",
        carol.id: "owner",
    }


def test_what_was_left_by_all_is_closed_to_all(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    alice.leaves(chat)
    assert bob.leaves(chat) == 0
    for each in (alice, bob):
        each.get(f"/conversations/{chat}").expect(404, "NOT_FOUND")
        each.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")


def test_giving_somebody_the_role_that_they_have_changes_nothing(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    assert alice.gives_role(chat, bob, "member")["role"] == "member"
    assert alice.head(chat) == 1


def test_changing_nothing_is_no_event(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat", metadata={"a": 1})
    assert alice.changes(chat)["title"] == "Chat"
    assert alice.changes(chat, title="Chat", metadata={"a": 1}, join_policy="invite")["head"] == 1
    changed = alice.changes(chat, title="Chat", metadata={})
    assert (changed["metadata"], changed["head"]) == ({}, 2)
    event = alice.log(chat)[-1]
    assert (event["type"], event["metadata"], "title" in event) == ("conversation_updated", {}, False)


def _add(cast: Cast, who: Person, role: str) -> Answer:
    body = {"participant_id": cast.newcomer.id, "name": cast.newcomer.name, "role": role}
    return who.post(f"{cast.path}/participants", body)


def _remove(cast: Cast, who: Person, role: str) -> Answer:
    return who.request("DELETE", cast.participant(cast.victims[role]))


def _give(cast: Cast, who: Person, victim: str, role: str) -> Answer:
    return who.patch(cast.participant(cast.victims[victim]), {"role": role})


def _undo(cast: Cast, action: str) -> None:
    """Put the roster back as far as the next one who may do the same needs it."""
    owner = cast.actors["owner"]
    if action.startswith("add "):
        owner.removes(cast.chat, cast.newcomer)
    elif action.startswith("remove a member"):
        owner.adds(cast.chat, cast.victims["member"])
