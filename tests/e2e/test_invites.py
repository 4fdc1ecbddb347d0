"""Invites: expiry, maximum number of uses, revocation."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients, client_factory
from tests.e2e.targets import Servers
from tests.support.client import HttpClient, Response, TestClient
from tests.support.server import PATIENT_SETTINGS, ServerProcess

DAY = 24 * 3600


def _seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _tries(person: TestClient, chat: str, invite: str) -> Response:
    return person.post(f"/conversations/{chat}/join", {"invite": invite})


def test_joining_by_invite_notifies_all_members(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat")
    alice.connect(chat)
    bob.connect()
    invite = alice.create_invite(chat)["invite"]
    view = bob.join(chat, invite)
    assert view["participants"][-1]["participant_id"] == bob.id
    event = alice.expect_event("participant_joined")
    assert (event["sender"], event["reason"]) == (bob.actor, "joined")
    assert bob.expect_frame(type="conversation_added")["conversation"]["conversation_id"] == chat
    assert bob.post_message(chat, "hello")["sequence_id"] == 3


def test_invite_defaults_to_a_week_and_unlimited_uses(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    created = alice.get_conversation(chat)["created_at"]
    usual, limited = alice.create_invite(chat), alice.create_invite(chat, expires_in=60, max_uses=3)
    assert usual["max_uses"] is None
    assert 7 * DAY <= _seconds(usual["expires_at"], created) + 1 <= 7 * DAY + 30
    assert limited["max_uses"] == 3
    assert 60 <= _seconds(limited["expires_at"], created) + 1 <= 90
    listed = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert {entry["invite_id"] for entry in listed} == {usual["invite_id"], limited["invite_id"]}
    assert all(entry["created_by"] == alice.id and entry["uses"] == 0 for entry in listed)
    assert usual["invite"] not in str(listed), "the secret is told once"


def test_invite_is_rejected_after_max_uses(clients: MakeClients) -> None:
    alice, bob, carol, dave = clients("alice", "bob", "carol", "dave")
    chat = alice.create_conversation("Chat")
    invite = alice.create_invite(chat, max_uses=2)["invite"]
    bob.join(chat, invite)
    carol.join(chat, invite)
    _tries(dave, chat, invite).expect(404, "NOT_FOUND")
    (listed,) = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert (listed["uses"], listed["max_uses"]) == (2, 2)


def test_invite_counts_people_and_lets_none_of_them_join_twice(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat")
    invite = alice.create_invite(chat, max_uses=2)["invite"]
    bob.join(chat, invite)
    bob.leave(chat)
    for _ in range(2):
        _tries(bob, chat, invite).expect(404, "NOT_FOUND")
    carol.join(chat, invite)
    (listed,) = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert listed["uses"] == 2
    bob.join(chat, alice.create_invite(chat)["invite"])


def test_member_who_joins_again_does_not_use_the_invite(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat")
    invite = alice.create_invite(chat, max_uses=1)["invite"]
    _tries(alice, chat, invite).expect(409, "ALREADY_PARTICIPANT")
    bob.join(chat, invite)


@pytest.mark.parametrize("named_by", ["invite", "invite_id"])
def test_revoked_invite_is_rejected(clients: MakeClients, named_by: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat")
    made = alice.create_invite(chat)
    path = f"/conversations/{chat}/invites/{made[named_by]}"
    alice.delete(path).expect(204)
    alice.delete(path).expect(404, "NOT_FOUND")
    _tries(bob, chat, made["invite"]).expect(404, "NOT_FOUND")
    assert alice.get(f"/conversations/{chat}/invites").expect(200) == {"invites": []}


def test_invalid_invite_is_answered_like_an_unknown_conversation(clients: MakeClients) -> None:
    alice, bob, mallory = clients("alice", "bob", "mallory")
    chat, other = alice.create_conversation("Chat"), alice.create_conversation("Other")
    made, used = alice.create_invite(chat), alice.create_invite(chat, max_uses=1)
    revoked, other_id = alice.create_invite(chat), alice.create_invite(other)
    bob.join(chat, used["invite"])
    alice.delete(f"/conversations/{chat}/invites/{revoked['invite_id']}").expect(204)
    banned = alice.create_invite(chat)["invite"]
    absent = _tries(mallory, "conv_AAAAAAAAAAAAAAAAAAAAAA", made["invite"]).expect(404)["error"]
    secrets = [used["invite"], revoked["invite"], other_id["invite"], made["invite_id"], made["invite"][:-1]]
    secrets += ["inv_AAAAAAAAAAAAAAAAAAAAAA", "inv_", "", "x", "inv_" + "é" * 22, "inv_#/../C#"]
    for secret in secrets:
        assert _tries(mallory, chat, secret).expect(404)["error"] == absent, secret
    alice.ban(chat, mallory)
    assert _tries(mallory, chat, banned).expect(404)["error"] == absent
    # An open conversation does not accept an invalid invite either: its holder may expect that it is valid.
    alice.unban(chat, mallory)
    alice.update_conversation(chat, join_policy="open")
    assert _tries(mallory, chat, used["invite"]).expect(404)["error"] == absent
    mallory.join(chat)


def test_invite_to_a_full_conversation_is_rejected_and_not_used(clients: MakeClients) -> None:
    alice, late = clients("alice", "late")
    seats = [{"participant_id": f"{alice.id}-{number}", "name": "Somebody"} for number in range(99)]
    chat = alice.create_conversation("Full", participants=seats)
    invite = alice.create_invite(chat, max_uses=1)["invite"]
    _tries(late, chat, invite).expect(409, "PARTICIPANT_LIMIT")
    alice.delete(f"/conversations/{chat}/participants", participant_id=seats[0]["participant_id"]).expect(204)
    late.join(chat, invite)


def test_invite_list_is_paged(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    made = {alice.create_invite(chat)["invite_id"] for _ in range(5)}
    found: list[str] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        page = alice.get(f"/conversations/{chat}/invites", **query).expect(200)
        found += [invite["invite_id"] for invite in page["invites"]]
        if "next_cursor" not in page:
            break
        assert len(page["invites"]) == 2
        query["cursor"] = page["next_cursor"]
    assert len(found) == 5
    assert set(found) == made


@pytest.fixture
def crowd(chat_target: str, server: ServerProcess, servers: Servers) -> Iterator[MakeClients]:
    """Return clients of a separate server, whose log may contain ConversationBusy as a service failure."""
    del server  # skips where the tests start no server
    started = servers.start_sibling(chat_target, "crowd", PATIENT_SETTINGS)
    http = HttpClient(started.endpoint.http_url)
    with client_factory(started.endpoint, http) as make:
        yield make
    http.close()
    started.stop()
    failures = [line for line in started.log.read_text("utf-8").splitlines() if re.search(r"\bERROR\b", line)]
    assert all("ConversationBusy" in line for line in failures), failures


def test_concurrent_joins_never_exceed_max_uses(crowd: MakeClients) -> None:
    alice, *guests = crowd("alice", *(f"guest{number}" for number in range(100)))
    chat = alice.create_conversation("Chat")
    invite = alice.create_invite(chat, max_uses=10)["invite"]
    waiting, came = guests, set()
    while waiting:
        answers = run_concurrently(*[functools.partial(_tries, who, chat, invite) for who in waiting])
        assert {answer.status for answer in answers} <= {200, 404, 429, 503}
        came |= {who.id for who, answer in zip(waiting, answers, strict=True) if answer.status == 200}
        # A client repeats a request that had no effect: throttled before a function had it, or CONVERSATION_BUSY.
        waiting = [who for who, answer in zip(waiting, answers, strict=True) if answer.status in (429, 503)]
    assert len(came) == 10
    assert {participant["participant_id"] for participant in alice.get_conversation(chat)["participants"]} == {
        alice.id,
        *came,
    }
    (listed,) = alice.get(f"/conversations/{chat}/invites").expect(200)["invites"]
    assert listed["uses"] == 10
    assert [event["type"] for event in alice.list_events(chat)].count("participant_joined") == 10
    used = [entry for entry in alice.list_audit(chat) if entry["action"] == "invite_used"]
    assert {each["actor_id"] for each in used} == came
