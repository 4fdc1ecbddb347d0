"""Invitation links: who has one may join, for a while, and so many times."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.e2e.conftest import People, anybody
from tests.e2e.kinds import Servers
from tests.e2e.together import at_once
from tests.support.client import Answer, Http, Person
from tests.support.server import UNHURRIED, Server

DAY = 24 * 3600


def _seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _tries(person: Person, chat: str, invite: str) -> Answer:
    return person.post(f"/conversations/{chat}/join", {"invite": invite})


def test_who_has_an_invite_joins_and_everybody_hears_of_it(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat")
    alice.connects(chat)
    bob.connects()
    invite = alice.invites(chat)["invite"]
    view = bob.joins(chat, invite)
    assert view["participants"][-1]["participant_id"] == bob.id
    event = alice.hears_event("participant_joined")
    assert (event["sender"], event["reason"]) == (bob.reference, "joined")
    assert bob.hears(type="conversation_added")["conversation"]["conversation_id"] == chat
    assert bob.posts(chat, "hello")["sequence_id"] == 3


def test_an_invite_holds_for_a_week_and_any_number_unless_it_says_otherwise(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    created = alice.sees(chat)["created_at"]
    usual, limited = alice.invites(chat), alice.invites(chat, expires_in=60, max_uses=3)
    assert usual["max_uses"] is None
    assert 7 * DAY <= _seconds(usual["expires_at"], created) + 1 <= 7 * DAY + 30
    assert limited["max_uses"] == 3
    assert 60 <= _seconds(limited["expires_at"], created) + 1 <= 90
    listed = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert {each["invite_id"] for each in listed} == {usual["invite_id"], limited["invite_id"]}
    assert all(each["created_by"] == alice.id and each["uses"] == 0 for each in listed)
    assert usual["invite"] not in str(listed), "the secret is told once"


def test_an_invite_is_used_up_after_so_many(people: People) -> None:
    alice, bob, carol, dave = people("alice", "bob", "carol", "dave")
    chat = alice.creates("Chat")
    invite = alice.invites(chat, max_uses=2)["invite"]
    bob.joins(chat, invite)
    carol.joins(chat, invite)
    _tries(dave, chat, invite).expect(404, "NOT_FOUND")
    (listed,) = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert (listed["uses"], listed["max_uses"]) == (2, 2)


def test_who_is_in_already_uses_nothing_up(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat")
    invite = alice.invites(chat, max_uses=1)["invite"]
    _tries(alice, chat, invite).expect(409, "ALREADY_PARTICIPANT")
    bob.joins(chat, invite)


@pytest.mark.parametrize("named_by", ["invite", "invite_id"])
def test_a_revoked_invite_lets_nobody_in(people: People, named_by: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat")
    made = alice.invites(chat)
    path = f"/conversations/{chat}/invites/{made[named_by]}"
    alice.delete(path).expect(204)
    alice.delete(path).expect(404, "NOT_FOUND")
    _tries(bob, chat, made["invite"]).expect(404, "NOT_FOUND")
    assert alice.get(f"/conversations/{chat}/invites").expect(200) == {"invites": []}


def test_what_lets_nobody_in_is_answered_as_if_there_were_no_conversation(people: People) -> None:
    alice, bob, mallory = people("alice", "bob", "mallory")
    chat, other = alice.creates("Chat"), alice.creates("Other")
    made, used = alice.invites(chat), alice.invites(chat, max_uses=1)
    revoked, elsewhere = alice.invites(chat), alice.invites(other)
    bob.joins(chat, used["invite"])
    alice.delete(f"/conversations/{chat}/invites/{revoked['invite_id']}").expect(204)
    banned = alice.invites(chat)["invite"]
    absent = _tries(mallory, "conv_AAAAAAAAAAAAAAAAAAAAAA", made["invite"]).expect(404)["error"]
    secrets = [used["invite"], revoked["invite"], elsewhere["invite"], made["invite_id"], made["invite"][:-1]]
    secrets += ["inv_AAAAAAAAAAAAAAAAAAAAAA", "inv_", "", "x", "inv_" + "é" * 22, "inv_#/../C#"]
    for secret in secrets:
        assert _tries(mallory, chat, secret).expect(404)["error"] == absent, secret
    alice.bans(chat, mallory)
    assert _tries(mallory, chat, banned).expect(404)["error"] == absent
    # Nor does an open door help who shows what is no key: whoever has one knows that it holds.
    alice.unbans(chat, mallory)
    alice.changes(chat, join_policy="open")
    assert _tries(mallory, chat, used["invite"]).expect(404)["error"] == absent
    mallory.joins(chat)


def test_an_invite_lets_nobody_in_where_all_seats_are_taken(people: People) -> None:
    alice, late = people("alice", "late")
    seats = [{"participant_id": f"{alice.id}-{number}", "name": "Somebody"} for number in range(99)]
    chat = alice.creates("Full", participants=seats)
    invite = alice.invites(chat, max_uses=1)["invite"]
    _tries(late, chat, invite).expect(409, "PARTICIPANT_LIMIT")
    alice.delete(f"/conversations/{chat}/participants", participant_id=seats[0]["participant_id"]).expect(204)
    late.joins(chat, invite)


def test_invites_are_listed_page_by_page(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    made = {alice.invites(chat)["invite_id"] for _ in range(5)}
    found: list[str] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        page = alice.get(f"/conversations/{chat}/invites", **query).expect(200)
        found += [each["invite_id"] for each in page["invites"]]
        if "next_cursor" not in page:
            break
        assert len(page["invites"]) == 2
        query["cursor"] = page["next_cursor"]
    assert len(found) == 5
    assert set(found) == made


@pytest.fixture
def crowd(chat_kind: str, server: Server, servers: Servers) -> Iterator[People]:
    """People at a server of their own, which may find itself busy: in its log that is a failure of the service."""
    del server  # without one of our own there is no second either
    started = servers.another(chat_kind, "crowd", UNHURRIED)
    http = Http(started.stage.http_url)
    with anybody(started.stage, http) as make:
        yield make
    http.close()
    started.stop()
    failures = [line for line in started.log.read_text("utf-8").splitlines() if re.search(r"\bERROR\b", line)]
    assert all("ConversationBusy" in line for line in failures), failures


def test_of_a_hundred_who_use_an_invite_at_once_ten_get_in_if_it_is_for_ten(crowd: People) -> None:
    alice, *guests = crowd("alice", *(f"guest{number}" for number in range(100)))
    chat = alice.creates("Chat")
    invite = alice.invites(chat, max_uses=10)["invite"]
    waiting, came = guests, set()
    while waiting:
        answers = at_once(*[functools.partial(_tries, who, chat, invite) for who in waiting])
        assert {answer.status for answer in answers} <= {200, 404, 503}
        came |= {who.id for who, answer in zip(waiting, answers, strict=True) if answer.status == 200}
        # Told that the conversation is busy, a client repeats: nothing was done for it.
        waiting = [who for who, answer in zip(waiting, answers, strict=True) if answer.status == 503]
    assert len(came) == 10
    assert {each["participant_id"] for each in alice.sees(chat)["participants"]} == {alice.id, *came}
    (listed,) = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert listed["uses"] == 10
    assert [event["type"] for event in alice.log(chat)].count("participant_joined") == 10
    used = [each for each in alice.audits(chat) if each["action"] == "invite_used"]
    assert {each["actor_id"] for each in used} == came
