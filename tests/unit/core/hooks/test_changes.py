"""Additions, new conversations and direct conversations with a hook."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    Forbidden,
    IdempotencyKeyReused,
    NotFound,
    RefusedByHook,
    ValidationFailed,
)
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.model.creations import CreationKey
from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant, SetProfile, UpdateParticipant
from tests.support.app_harness import AppHarness, principal
from tests.support.hooks import ALLOW, FakeHook, change, refuse

ALICE = {"participant_id": "alice", "name": "alice", "type": "human"}
BOB = {"participant_id": "bob", "name": "bob", "role": "member"}


@pytest.fixture
def hook() -> FakeHook:
    return FakeHook()


@pytest.fixture
def chat(hook: FakeHook) -> AppHarness:
    return AppHarness(hook=hook)


def create(chat: AppHarness, key: CreationKey | None = None, **fields: Any) -> Any:
    participants = [NewParticipant(participant_id=name, name=name) for name in ("alice", "bob")]
    request = CreateConversation(**{"title": "Trip", "participants": participants, **fields})
    return chat.chat.conversations.creation.create(principal("alice"), request, key).response


def names(view: Any) -> list[str]:
    return sorted(found["participant_id"] for found in view["participants"])


# ---- additions ---------------------------------------------------------------------------------------------


def test_addition_is_asked_about_and_changed(chat: AppHarness, hook: FakeHook) -> None:
    conversation = chat.create_conversation("alice")
    hook.calls.clear()
    hook.decide = lambda _: change(name="Robert", role="moderator")
    chat.add("alice", conversation, "bob")
    place = {"type": "addition", "conversation_id": conversation, "sender": ALICE}
    assert hook.calls == [[{**place, "participant": BOB}]]
    member = chat.member(conversation, "bob")
    assert (member.name, member.role) == ("Robert", "moderator")


def test_refused_addition_changes_nothing(chat: AppHarness, hook: FakeHook) -> None:
    conversation = chat.create_conversation("alice")
    hook.decide = lambda _: refuse()
    with pytest.raises(RefusedByHook):
        chat.add("alice", conversation, "bob")
    assert chat.chat.stores.memberships.membership(conversation, "bob") is None


@pytest.mark.parametrize("changes", [{"participant_id": "carol"}, {"role": "owner"}, {"name": ""}], ids=str)
def test_change_that_the_adder_could_not_make_is_a_failure(hook: FakeHook, changes: dict[str, Any]) -> None:
    chat = AppHarness(hook=hook)
    conversation = chat.create_conversation("alice")
    chat.add("alice", conversation, "dan", "moderator")
    hook.decide = lambda _: change(**changes)
    chat.add("dan", conversation, "bob")
    assert (chat.member(conversation, "bob").name, chat.member(conversation, "bob").role) == ("bob", "member")


def test_hook_is_not_asked_about_additions_that_are_refused_anyway(chat: AppHarness, hook: FakeHook) -> None:
    conversation = chat.create_conversation("alice", "bob", join_policy="invite")
    hook.calls.clear()
    with pytest.raises(NotFound):
        chat.add("mallory", conversation, "carol")
    with pytest.raises(Forbidden):
        chat.add("bob", conversation, "carol", "owner")
    with pytest.raises(AlreadyParticipant):
        chat.add("alice", conversation, "bob")
    assert hook.calls == []


def test_pending_addition_is_changed_and_its_repeat_is_not_asked_about(hook: FakeHook) -> None:
    chat = AppHarness({"CHAT_ADDING": "consent"}, hook=hook)
    conversation = chat.create_conversation("alice")
    hook.calls.clear()
    hook.decide = lambda _: change(name="Robert")
    first = chat.add("alice", conversation, "bob").response
    hook.decide = lambda _: refuse()
    assert chat.add("alice", conversation, "bob").response == first
    assert (first["name"], len(hook.calls)) == ("Robert", 1)


def test_hook_is_asked_once_about_an_addition_that_is_planned_again(chat: AppHarness, hook: FakeHook) -> None:
    conversation = chat.create_conversation("alice")
    hook.calls.clear()

    def decide(action: Any) -> Any:
        if action["type"] == "addition":
            chat.send_message("alice", conversation, "meanwhile")
        return ALLOW

    hook.decide = decide
    chat.add("alice", conversation, "bob")
    assert [action["type"] for action in hook.actions] == ["addition", "message"]


def test_role_that_the_adder_could_give_only_when_the_hook_was_asked_is_not_given(
    chat: AppHarness, hook: FakeHook
) -> None:
    conversation = chat.create_conversation("alice", "dan")
    moderation = chat.chat.conversations.moderation
    moderation.update(principal("alice"), conversation, "dan", UpdateParticipant(role="owner"))

    def decide(_: Any) -> Any:
        moderation.update(principal("alice"), conversation, "dan", UpdateParticipant(role="moderator"))
        return change(role="moderator")

    hook.decide = decide
    with pytest.raises(Forbidden):
        chat.add("dan", conversation, "bob")
    assert chat.chat.stores.memberships.membership(conversation, "bob") is None


def test_joins_are_not_asked_about(chat: AppHarness, hook: FakeHook) -> None:
    conversation = chat.create_conversation("alice")
    hook.decide = lambda _: refuse()
    chat.chat.conversations.members.join(principal("bob"), conversation)
    assert chat.member(conversation, "bob").role == "member"


# ---- creations ---------------------------------------------------------------------------------------------


def test_creation_is_asked_about_and_changed(chat: AppHarness, hook: FakeHook) -> None:
    carol = {"participant_id": "carol", "name": "Carol", "role": "member"}
    hook.decide = lambda _: change(title="***", participants=[carol])
    view = create(chat, metadata={"k": 1})
    asked = {"title": "Trip", "participants": [BOB], "join_policy": "invite", "metadata": {"k": 1}}
    assert hook.calls == [[{"type": "creation", "direct": False, "sender": ALICE, **asked}]]
    assert (view["title"], names(view), view["metadata"]) == ("***", ["alice", "carol"], {"k": 1})
    assert chat.events(view["conversation_id"])[0]["title"] == "***"


def test_hook_sees_the_name_that_the_event_has(chat: AppHarness, hook: FakeHook) -> None:
    chat.chat.conversations.profiles.set(principal("alice"), SetProfile(name="Alice A."))
    view = create(chat)
    chat.chat.conversations.directs.open(principal("alice"), "carol")
    (sender,) = {tuple(action["sender"].items()) for action in hook.actions}
    assert dict(sender) == chat.events(view["conversation_id"])[0]["sender"] == {**ALICE, "name": "Alice A."}


def test_creation_that_is_changed_against_the_rules_is_a_failure(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: change(participants=[BOB, BOB])
    assert names(create(chat)) == ["alice", "bob"]


def test_refused_creation_creates_nothing(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: refuse("Not here.")
    with pytest.raises(RefusedByHook, match="Not here"):
        create(chat)
    assert chat.chat.conversations.views.list(principal("alice"), ConversationsQuery())["conversations"] == []


def test_repeat_of_a_creation_is_not_asked_about(chat: AppHarness, hook: FakeHook) -> None:
    key = CreationKey("alice", "hashed", "fingerprint")
    hook.decide = lambda _: change(title="***")
    first = create(chat, key)
    hook.decide = lambda _: refuse()
    assert create(chat, key)["conversation_id"] == first["conversation_id"]
    assert len(hook.calls) == 1
    with pytest.raises(IdempotencyKeyReused):
        create(chat, CreationKey("alice", "hashed", "another"))


def test_concurrent_repeat_of_a_creation_that_is_refused_gets_the_first_answer(
    chat: AppHarness, hook: FakeHook
) -> None:
    key, created = CreationKey("alice", "hashed", "fingerprint"), []

    def refuse_after_another_was_allowed(_: Any) -> Any:
        hook.decide = lambda _: ALLOW
        created.append(create(chat, key)["conversation_id"])
        return refuse()

    hook.decide = refuse_after_another_was_allowed
    assert [create(chat, key)["conversation_id"]] == created


def test_changes_of_services_are_exempt(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: refuse()
    service = Service("backend").as_principal()
    bob = NewParticipant(participant_id="bob", name="bob")
    request = CreateConversation(title="Order", participants=[bob])
    conversation = chat.chat.conversations.creation.create(service, request).response["conversation_id"]
    carol = NewParticipant(participant_id="carol", name="carol")
    chat.chat.conversations.additions.add(service, conversation, carol)
    assert hook.calls == []
    with pytest.raises(RefusedByHook):
        chat.chat.conversations.creation.create(Principal("alice", None, service="backend"), request)


# ---- direct conversations ----------------------------------------------------------------------------------


def test_new_direct_conversation_is_a_creation(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: change(name="Robert")
    status, opened = chat.chat.conversations.directs.open(principal("alice"), "bob")
    assert hook.calls == [[{"type": "creation", "direct": True, "sender": ALICE, "participants": [BOB]}]]
    conversation = opened.response["conversation_id"]
    assert (status, chat.member(conversation, "bob").name) == (201, "Robert")
    hook.decide = lambda _: refuse()
    assert chat.chat.conversations.directs.open(principal("alice"), "bob")[0] == 200
    assert chat.chat.conversations.directs.open(principal("bob"), "alice")[0] == 200
    assert len(hook.calls) == 1


def test_refused_direct_conversation_is_not_created(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: refuse()
    with pytest.raises(RefusedByHook):
        chat.chat.conversations.directs.open(principal("alice"), "bob")
    hook.decide = lambda _: ALLOW
    assert chat.chat.conversations.directs.open(principal("bob"), "alice")[0] == 201


def test_participants_of_a_direct_conversation_cannot_be_changed(chat: AppHarness, hook: FakeHook) -> None:
    hook.decide = lambda _: change(participants=[])
    _, opened = chat.chat.conversations.directs.open(principal("alice"), "bob")
    assert names(opened.response) == ["alice", "bob"]


def test_invalid_requests_are_not_asked_about(chat: AppHarness, hook: FakeHook) -> None:
    bob = NewParticipant(participant_id="bob", name="bob")
    with pytest.raises(ValidationFailed):
        create(chat, participants=[bob, bob])
    with pytest.raises(ValidationFailed):
        chat.chat.conversations.directs.open(principal("alice"), "alice")
    assert hook.calls == []
