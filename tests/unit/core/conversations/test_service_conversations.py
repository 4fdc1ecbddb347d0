"""Conversations that services create, list and moderate."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import Banned, Forbidden, NotFound, ValidationFailed
from chalicelib.core.model.actors import Role, Service
from chalicelib.core.protocol.queries import AuditQuery, PageQuery, ServiceConversationsQuery
from chalicelib.core.protocol.requests import CreateConversation, CreateInvite, NewParticipant, UpdateParticipant
from tests.support.app_harness import AppHarness, principal

SHOP = Service("shop").as_principal()


@pytest.fixture
def harness() -> AppHarness:
    """Return an application that requires consent to additions by participants."""
    return AppHarness({"CHAT_ADDING": "consent", "CHAT_TIME_ERASURE_GRACE": "0"})


def create(harness: AppHarness, **roles: Role) -> str:
    people = [NewParticipant(participant_id=name, name=name, role=role) for name, role in roles.items()]
    request = CreateConversation(title="Order", participants=people)
    return str(harness.chat.conversations.creation.create(SHOP, request).response["conversation_id"])


def listed(harness: AppHarness, **query: Any) -> list[str]:
    page = harness.chat.backend.overview.list(ServiceConversationsQuery(**query))
    return [entry["conversation_id"] for entry in page["conversations"]]


def test_conversation_of_a_service_has_the_participants_alone(harness: AppHarness) -> None:
    chat = create(harness, bob="member", carol="moderator")
    roster = harness.chat.stores.memberships.roster(chat)
    assert {member.participant_id: member.role for member in roster} == {"bob": "member", "carol": "moderator"}
    assert harness.events(chat)[0]["sender"]["type"] == "system"
    assert harness.head(chat).participant_count == 2
    standing = harness.chat.stores.consent.pending.standing("bob")
    assert (standing.own, standing.added) == (0, 1)


def test_service_needs_at_least_one_participant(harness: AppHarness) -> None:
    with pytest.raises(ValidationFailed):
        create(harness)


def test_suspended_participant_is_refused_with_the_path(harness: AppHarness) -> None:
    harness.chat.backend.suspensions.suspend("carol")
    with pytest.raises(ValidationFailed) as refused:
        create(harness, bob="member", carol="owner")
    assert refused.value.details == [{"path": "participants.1.participant_id", "problem": "is suspended"}]
    chat = create(harness, bob="member")
    with pytest.raises(ValidationFailed):
        add(harness, chat, "carol")


def add(harness: AppHarness, chat: str, name: str, role: Role = "member") -> Any:
    request = NewParticipant(participant_id=name, name=name, role=role)
    return harness.chat.conversations.additions.add(SHOP, chat, request).response


def test_service_adds_at_once_who_has_left_or_blocked_and_no_banned_person(harness: AppHarness) -> None:
    chat = create(harness, bob="member", carol="member")
    harness.chat.conversations.members.leave(principal("carol"), chat)
    assert add(harness, chat, "carol", "owner")["membership"] == "active"
    harness.chat.conversations.moderation.ban(SHOP, chat, "carol")
    with pytest.raises(Banned):
        add(harness, chat, "carol")
    harness.chat.conversations.moderation.unban(SHOP, chat, "carol")
    assert add(harness, chat, "carol")["role"] == "member"


def test_service_moderates_and_is_named_in_the_audit_log(harness: AppHarness) -> None:
    chat = create(harness, bob="owner", carol="member")
    moderation = harness.chat.conversations.moderation
    moderation.update(SHOP, chat, "carol", UpdateParticipant(muted_for=60))
    moderation.update(SHOP, chat, "carol", UpdateParticipant(role="owner"))
    with pytest.raises(Forbidden):
        moderation.update(SHOP, chat, "bob", UpdateParticipant(muted_for=60))
    harness.chat.conversations.members.remove(SHOP, chat, "bob")
    entries = moderation.audit(SHOP, chat, AuditQuery())["entries"]
    assert [(entry["action"], entry["actor_id"], entry["service"]) for entry in entries] == [
        ("muted", "system", "shop"),
        ("role_changed", "system", "shop"),
        ("unmuted", "system", "shop"),
        ("removed", "system", "shop"),
    ]


def test_service_manages_invites(harness: AppHarness) -> None:
    chat = create(harness, bob="owner")
    invites = harness.chat.conversations.invites
    secret = invites.create(SHOP, chat, CreateInvite())["invite"]
    (entry,) = invites.list(SHOP, chat, PageQuery())["invites"]
    assert entry["created_by"] == "system"
    harness.chat.conversations.members.join(principal("dan"), chat, secret)
    invites.revoke(SHOP, chat, secret)
    with pytest.raises(NotFound):
        harness.chat.conversations.members.join(principal("eve"), chat, secret)
    with pytest.raises(NotFound):
        invites.revoke(SHOP, chat, secret)
    actions = harness.chat.conversations.moderation.audit(SHOP, chat, AuditQuery())["entries"]
    assert [(entry["action"], entry["actor_id"], entry.get("service")) for entry in actions] == [
        ("invite_created", "system", "shop"),
        ("invite_used", "dan", None),
        ("invite_revoked", "system", "shop"),
    ]


def test_service_withdraws_pending_memberships(harness: AppHarness) -> None:
    chat = create(harness, bob="owner")
    pending = harness.chat.conversations.pending
    harness.add("bob", chat, "carol")
    (entry,) = pending.list_in(SHOP, chat, PageQuery())["pending"]
    assert entry["participant_id"] == "carol"
    pending.withdraw(SHOP, chat, "carol")
    assert pending.list_in(SHOP, chat, PageQuery())["pending"] == []
    assert pending.list(principal("carol"), PageQuery())["pending"] == []
    with pytest.raises(NotFound):
        pending.withdraw(SHOP, chat, "carol")


def test_direct_conversation_has_no_invites_and_its_request_is_not_withdrawn(harness: AppHarness) -> None:
    directs, conversations = harness.chat.conversations.directs, harness.chat.conversations
    chat = str(directs.open(principal("alice"), "bob")[1].response["conversation_id"])
    with pytest.raises(Forbidden):
        conversations.invites.create(SHOP, chat, CreateInvite())
    (entry,) = conversations.pending.list_in(SHOP, chat, PageQuery())["pending"]
    assert entry["participant_id"] == "bob"
    with pytest.raises(Forbidden):
        conversations.pending.withdraw(SHOP, chat, "bob")
    assert len(conversations.pending.list(principal("bob"), PageQuery())["pending"]) == 1


def test_service_removes_a_reaction(harness: AppHarness) -> None:
    chat = create(harness, bob="owner", carol="member")
    target, reactions = harness.send_message("bob", chat), harness.chat.messaging.reactions
    reactions.add(principal("carol"), chat, target, "👎")
    reactions.remove_of_participant(SHOP, chat, target, "👎", "carol")
    *_, event = harness.events(chat)
    assert (event["type"], event["participant_id"], event["sender"]["type"]) == (
        "reaction_removed",
        "carol",
        "system",
    )
    (entry,) = harness.chat.conversations.moderation.audit(SHOP, chat, AuditQuery())["entries"]
    assert (entry["action"], entry["participant_id"], entry["service"]) == ("reaction_removed", "carol", "shop")
    reactions.remove_of_participant(SHOP, chat, target, "👎", "system")
    assert harness.events(chat)[-1] == event, "a service has no reaction"


def test_overview_has_live_conversations_only(harness: AppHarness) -> None:
    kept, ended = create(harness, bob="member"), create(harness, bob="member")
    harness.chat.conversations.lifecycle.delete(SHOP, ended)
    assert listed(harness) == [kept]
    assert listed(harness, participant_id="bob") == [kept]
    assert listed(harness, participant_id="carol") == []
    with pytest.raises(NotFound):
        harness.chat.conversations.views.view(ended, SHOP)
