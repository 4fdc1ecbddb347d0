"""Succession: the new owner when the last owner leaves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.core.conversations.permissions import can_succeed, successors
from chalicelib.core.kernel.errors import LastOwner, NotFound
from chalicelib.core.model.actors import ParticipantType, Role, Service
from chalicelib.core.model.conversations import ConversationState, Membership
from chalicelib.core.protocol.requests import NewParticipant, SendMessage, UpdateParticipant
from chalicelib.identity.model import Identity
from tests.support.app_harness import AppHarness, principal

NOW = 1_000_000


def member(name: str, role: Role = "member", muted: int = 0, kind: ParticipantType = "human") -> Membership:
    return Membership("conv", name, name, kind, role, 0, 1, 1, 0, muted)


IN_ORDER = [
    member("moderator", "moderator"),
    member("younger moderator", "moderator"),
    member("muted moderator", "moderator", NOW + 1),
    member("member"),
    member("member whose mute has expired", muted=NOW),
    member("muted member", muted=NOW + 1),
]
AGENTS = [member("agent", kind="agent"), member("moderating agent", "moderator", kind="agent")]


def eligible(members: Sequence[Membership]) -> list[Membership]:
    return list(filter(can_succeed, successors(members, NOW)))


@pytest.mark.parametrize("kept", [(0, 5), (2, 3), (3, 5), (1, 2), (0, 3)], ids=str)
def test_successor_does_not_depend_on_seniority_between_ranks(kept: tuple[int, int]) -> None:
    members = [IN_ORDER[index] for index in kept]
    for order in itertools.permutations([*members, *AGENTS]):
        assert eligible(order) == members


def test_seniority_decides_within_a_rank() -> None:
    assert eligible([*AGENTS, *IN_ORDER]) == IN_ORDER
    younger_first = [IN_ORDER[1], IN_ORDER[0], *IN_ORDER[2:]]
    assert eligible(younger_first) == younger_first


def test_agents_alone_have_no_successor() -> None:
    assert eligible(AGENTS) == []


def add_agent(harness: AppHarness, chat: str) -> None:
    """Add a moderator whose token is that of an agent, as becomes known by the first message."""
    harness.add("alice", chat, "robot", "moderator")
    harness.chat.messaging.sender.send(principal("robot", "agent"), chat, SendMessage(content="beep"))


def leave(harness: AppHarness, chat: str) -> ConversationState:
    harness.chat.conversations.members.leave(principal("alice"), chat)
    return harness.head(chat).state


def test_person_becomes_owner_before_an_agent_who_was_added_as_a_person() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice")
    add_agent(harness, chat)
    harness.add("alice", chat, "bob")
    entries = harness.chat.stores.memberships.roster(chat)
    assert [entry.type for entry in entries] == ["human"] * 3, "messages do not change the roster"
    assert leave(harness, chat) is ConversationState.LIVE
    assert (harness.member(chat, "robot").role, harness.member(chat, "bob").role) == ("moderator", "owner")


@pytest.mark.parametrize("evidence", ["subscription", "registration", "service"])
def test_agent_that_was_only_added_inherits_nothing(evidence: str) -> None:
    """Neither a message nor a read pointer has shown its token to the conversation."""
    harness = AppHarness()
    if evidence == "service":
        harness.chat.backend.suspensions.register_agent("robot")
    chat = harness.create_conversation("alice")
    if evidence == "service":
        people = harness.chat.conversations.additions
        people.add(Service("shop").as_principal(), chat, NewParticipant(participant_id="robot", name="Robot"))
    else:
        harness.add("alice", chat, "robot")
    harness.add("alice", chat, "bob")
    if evidence == "registration":
        harness.chat.backend.suspensions.register_agent("robot")
    elif evidence == "subscription":
        now = int(harness.clock.now())
        harness.chat.sessions.connections.open("r=", Identity("robot", "robot", now + 900, now, "agent"))
        harness.send_frame("r=", type="subscribe", conversation_id=chat)
    assert leave(harness, chat) is ConversationState.LIVE
    assert (harness.member(chat, "robot").role, harness.member(chat, "bob").role) == ("member", "owner")


def test_added_participant_without_evidence_counts_as_a_person() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice")
    harness.add("alice", chat, "robot")
    assert leave(harness, chat) is ConversationState.LIVE
    assert harness.member(chat, "robot").role == "owner"


def test_member_who_was_an_agent_and_is_a_person_now_becomes_owner() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice")
    harness.chat.conversations.members.join(principal("carol", "agent"), chat)
    harness.send_message("carol", chat)
    assert leave(harness, chat) is ConversationState.LIVE
    assert harness.member(chat, "carol").role == "owner"


def test_conversation_that_is_left_to_agents_is_closed() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice")
    add_agent(harness, chat)
    harness.connect("robot=", "robot", chat)
    left = harness.chat.conversations.members.leave(principal("alice"), chat)
    harness.chat.realtime.fan_out.deliver(left.pushes, within=5)
    assert left.response == {"remaining_participants": 0}
    assert harness.head(chat).state is ConversationState.CLOSED
    assert harness.posted("robot=", "conversation_deleted") == [
        {"type": "conversation_deleted", "conversation_id": chat}
    ]
    assert harness.chat.stores.subscriptions.subscribers(chat) == []
    with pytest.raises(NotFound):
        harness.send_message("robot", chat)
    harness.clock.advance(31 * 24 * 3600)
    harness.chat.conversations.lifecycle.purge_due(60)
    assert harness.chat.stores.memberships.memberships_of("robot") == []


def test_last_owner_among_agents_cannot_be_demoted() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice")
    add_agent(harness, chat)
    with pytest.raises(LastOwner):
        harness.chat.conversations.moderation.update(
            principal("alice"), chat, "alice", UpdateParticipant(role="member")
        )


def test_succession_to_a_muted_member_ends_the_mute() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice", "eve")
    harness.chat.conversations.moderation.update(principal("alice"), chat, "eve", UpdateParticipant(muted_for=60))
    harness.chat.conversations.members.leave(principal("alice"), chat)
    assert replace(harness.member(chat, "eve")).role == "owner"
    assert harness.send_message("eve", chat)
