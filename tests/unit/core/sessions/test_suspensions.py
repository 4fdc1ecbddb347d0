"""Suspended participants: no token, no connection, no membership; and registered agents."""

from __future__ import annotations

from collections.abc import Callable

import jwt
import pytest

from chalicelib.core.kernel.errors import Suspended, Unauthorized
from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import CreateConversation, CreateInvite
from chalicelib.identity.model import Identity
from tests.support.app_harness import ENVIRONMENT, AppHarness, principal
from tests.support.items import items_with

BOB = principal("bob")


@pytest.fixture
def harness() -> AppHarness:
    """Return an application in which an erasure starts at once, and tokens live 1000 s."""
    return AppHarness({"CHAT_TIME_ERASURE_GRACE": "0", "CHAT_JWT_MAX_LIFETIME": "1000"})


def suspend(harness: AppHarness, participant_id: str = "bob") -> None:
    harness.chat.backend.suspensions.suspend(participant_id)


def lift(harness: AppHarness, participant_id: str = "bob") -> None:
    harness.chat.backend.suspensions.lift(participant_id)


def erase(harness: AppHarness, participant_id: str) -> None:
    job_id, _ = harness.chat.privacy.erasure.request(principal(participant_id))
    while harness.chat.privacy.erasure.run(job_id, 60) is not None:
        pass


def token_of(harness: AppHarness, participant_id: str) -> Identity:
    """Return the identity of a token that is issued after everything else."""
    now = int(harness.clock.now())
    return Identity(participant_id, participant_id, now + 900, now + 1)


def is_accepted(harness: AppHarness, participant_id: str = "bob") -> bool:
    rules = harness.chat.stores.revocations.rules(participant_id)
    try:
        token_of(harness, participant_id).under(rules)
    except Suspended:
        return False
    return True


def added(harness: AppHarness, chat: str, participant_id: str) -> str:
    return str(harness.add("alice", chat, participant_id).response["membership"])


# ---- tokens and connections --------------------------------------------------------------------------------


def test_suspension_refuses_tokens_until_it_is_lifted(harness: AppHarness) -> None:
    suspend(harness)
    harness.clock.advance(100_000)
    assert not is_accepted(harness)
    assert harness.chat.backend.suspensions.state("bob")["suspended_at"]
    lift(harness)
    assert is_accepted(harness)
    assert harness.chat.backend.suspensions.state("bob") == {
        "participant_id": "bob",
        "suspended": False,
        "agent": False,
    }


def test_suspension_closes_all_connections(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.connect("active=", "bob", chat)
    harness.chat.sessions.connections.open("silent=", token_of(harness, "bob"))
    harness.connect("alice=", "alice", chat)
    suspend(harness)
    assert harness.posted("active=", "disconnect")[0]["code"] == "SUSPENDED"
    assert harness.poster.closed == ["active=", "silent="]
    harness.send_message("alice", chat, "after")
    assert not harness.posted("active=", "events")
    with pytest.raises(Suspended):
        harness.chat.sessions.connections.open("new=", token_of(harness, "bob"))
    assert harness.chat.stores.connections.get("new=") is None


def test_repeated_suspension_closes_connections_that_were_left(harness: AppHarness) -> None:
    harness.connect("left=", "bob")
    harness.chat.backend.suspensions._suspensions.suspend("bob", 1)
    suspend(harness)
    assert harness.poster.closed == ["left="]


def test_suspended_participant_renews_no_connection(harness: AppHarness) -> None:
    harness.chat.sessions.connections.open("bob=", token_of(harness, "bob"))
    harness.chat.backend.suspensions._suspensions.suspend("bob", 1)
    now = int(harness.clock.now())
    token = jwt.encode({"sub": "bob", "iat": now, "exp": now + 100}, ENVIRONMENT["CHAT_JWT_SECRET"], "HS256")
    (reply,) = harness.send_frame("bob=", type="auth", token=token)
    assert reply["code"] == "SUSPENDED"


# ---- memberships -------------------------------------------------------------------------------------------


def create(harness: AppHarness, chat: str) -> object:
    return harness.chat.conversations.creation.create(BOB, CreateConversation(title="x"))


def join_open(harness: AppHarness, chat: str) -> object:
    return harness.chat.conversations.members.join(BOB, chat)


def join_by_invite(harness: AppHarness, chat: str) -> object:
    invite = harness.chat.conversations.invites.create(principal("alice"), chat, CreateInvite())
    return harness.chat.conversations.members.join(BOB, chat, str(invite["invite"]))


def accept(harness: AppHarness, chat: str) -> object:
    assert added(harness, chat, "bob") == "pending"
    return harness.chat.conversations.members.join(BOB, chat)


@pytest.mark.parametrize("way", [create, join_open, join_by_invite, accept])
def test_suspended_participant_begins_no_membership(
    harness: AppHarness, way: Callable[[AppHarness, str], object]
) -> None:
    """The token was checked before the suspension; the transaction checks again."""
    chat = harness.create_conversation("alice")
    suspend(harness)
    with pytest.raises(Suspended):
        way(harness, chat)
    assert harness.chat.stores.memberships.memberships_of("bob") == []
    lift(harness)
    join_open(harness, chat)
    assert len(harness.chat.stores.memberships.memberships_of("bob")) == 1


def test_addition_of_a_suspended_participant_waits_and_can_be_accepted_afterwards(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", join_policy="invite")
    suspend(harness)
    group = harness.create_conversation("carol", "bob", "dan", join_policy="invite")
    assert added(harness, chat, "bob") == "pending"
    assert harness.chat.stores.memberships.memberships_of("bob") == []
    lift(harness)
    query = ConversationsQuery(membership="pending")
    pending = harness.chat.conversations.pending.list(BOB, query)["pending"]
    assert {entry["conversation_id"] for entry in pending} == {chat, group}
    harness.chat.conversations.members.join(BOB, chat)
    assert harness.member(chat, "bob").role == "member"


def test_suspension_outlasts_an_erasure_and_the_last_token(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    suspend(harness)
    erase(harness, "bob")
    harness.clock.advance(2000)
    assert not is_accepted(harness)
    assert added(harness, chat, "bob") == "pending"
    assert added(harness, chat, "dan") == "active"


def test_lifting_the_suspension_of_an_erased_participant_stores_no_id(harness: AppHarness) -> None:
    suspend(harness)
    erase(harness, "bob")
    lift(harness)
    assert items_with(harness.store, ("conversations", "connections"), "bob") == []
    assert not harness.chat.backend.suspensions.state("bob")["suspended"]
    suspend(harness)
    lift(harness)
    assert not harness.chat.stores.consent.pending.standing("bob").is_suspended


def test_revocation_outlasts_a_suspension(harness: AppHarness) -> None:
    issued = int(harness.clock.now())
    harness.clock.advance(10)
    suspend(harness)
    erase(harness, "bob")
    lift(harness)
    rules = harness.chat.stores.revocations.rules("bob")
    with pytest.raises(Unauthorized):
        Identity("bob", None, issued + 900, issued).under(rules)
    harness.clock.advance(1000 + 30)
    assert harness.chat.stores.revocations.rules("bob").revoked_at == 0, "no token of that time is left"


# ---- succession --------------------------------------------------------------------------------------------


def test_suspended_member_inherits_nothing(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob", "carol")
    suspend(harness)
    harness.chat.conversations.members.leave(principal("alice"), chat)
    assert harness.member(chat, "carol").role == "owner"
    left = harness.chat.conversations.members.leave(principal("carol"), chat)
    assert left.response == {"remaining_participants": 0}, "the rest counts as empty"


def test_owner_keeps_the_role_during_a_suspension(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    suspend(harness, "alice")
    lift(harness, "alice")
    assert harness.member(chat, "alice").role == "owner"


# ---- agents ------------------------------------------------------------------------------------------------


def test_registered_agent_is_one_whatever_the_token_claims(harness: AppHarness) -> None:
    agents = harness.chat.backend.suspensions
    agents.register_agent("bob")
    chat = harness.create_conversation("alice", "bob")
    assert harness.member(chat, "bob").type == "agent"
    harness.connect("bob=", "bob", chat)
    harness.send_frame("bob=", type="message", conversation_id=chat, client_message_id="1", content="beep")
    assert harness.events(chat)[-1]["sender"]["type"] == "agent"
    left = harness.chat.conversations.members.leave(principal("alice"), chat)
    assert left.response == {"remaining_participants": 0}


def test_registration_lasts_until_it_is_ended(harness: AppHarness) -> None:
    agents, revocations = harness.chat.backend.suspensions, harness.chat.stores.revocations
    agents.register_agent("bob")
    suspend(harness)
    lift(harness)
    erase(harness, "bob")
    harness.clock.advance(100_000)
    assert revocations.rules("bob").is_agent
    agents.unregister_agent("bob")
    assert not revocations.rules("bob").is_agent
    lift(harness)
    agents.unregister_agent("bob")
