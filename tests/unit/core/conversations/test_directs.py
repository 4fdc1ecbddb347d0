"""Direct conversations: one for each pair, got, accepted, hidden, and begun anew."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import (
    ChatError,
    ErasureRunning,
    Forbidden,
    NotAccepted,
    NotFound,
    ValidationFailed,
)
from chalicelib.core.protocol.queries import ConversationsQuery, ExportQuery, PageQuery
from chalicelib.core.protocol.requests import (
    CreateInvite,
    EditMessage,
    NewParticipant,
    UpdateConversation,
    UpdateParticipant,
)
from tests.support.app_harness import AppHarness, principal

ALICE, BOB = principal("alice"), principal("bob")
CONSENT = {"CHAT_ADDING": "consent"}


def open_direct(harness: AppHarness, caller: str, other: str) -> tuple[int, dict[str, Any]]:
    status, result = harness.chat.conversations.directs.open(principal(caller), other)
    if result.error is not None:
        raise result.error
    harness.chat.realtime.fan_out.deliver(result.pushes, within=5)
    return status, result.response


def listed(harness: AppHarness, caller: str, **query: Any) -> list[str]:
    page = harness.chat.conversations.views.list(principal(caller), ConversationsQuery(**query))
    return [view["conversation_id"] for view in page["conversations"]]


def pending_of(harness: AppHarness, caller: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = harness.chat.conversations.pending.list(principal(caller), PageQuery())[
        "pending"
    ]
    return entries


def erase(harness: AppHarness, participant_id: str) -> None:
    job_id, _ = harness.chat.privacy.erasure.request(principal(participant_id))
    harness.chat.privacy.erasure.run(job_id, 5)
    harness.clock.advance(70)
    assert harness.chat.privacy.erasure.run(job_id, 5) is None


# ---- one conversation --------------------------------------------------------------------------------------


def test_pair_has_one_conversation_of_two_members() -> None:
    harness = AppHarness()
    for name in ("alice", "bob"):
        harness.connect(f"{name}=", name)
    status, made = open_direct(harness, "alice", "bob")
    assert (status, made["direct"], made["title"]) == (201, True, "")
    assert [(member["participant_id"], member["role"]) for member in made["participants"]] == [
        ("alice", "member"),
        ("bob", "member"),
    ]
    for name in ("alice", "bob"):
        (added,) = harness.posted(f"{name}=", "conversation_added")
        assert added["conversation"]["direct"] is True
    for caller, other in (("bob", "alice"), ("alice", "bob")):
        status, found = open_direct(harness, caller, other)
        assert (status, found["conversation_id"]) == (200, made["conversation_id"])
    assert open_direct(harness, "alice", "carol")[1]["conversation_id"] != made["conversation_id"]


def test_direct_conversation_is_marked_in_lists_snapshots_and_exports() -> None:
    harness = AppHarness()
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    group = harness.create_conversation("alice")
    page = harness.chat.conversations.views.list(ALICE, ConversationsQuery())
    assert {view["conversation_id"]: view.get("direct") for view in page["conversations"]} == {
        chat: True,
        group: None,
    }
    harness.connect("alice=", "alice", chat, group)
    assert {reply["conversation_id"]: reply.get("direct") for reply in harness.posted("alice=", "subscribed")} in (
        {},
        {chat: True, group: None},
    )
    replies = harness.send_frame("alice=", type="sync", conversation_id=chat, after=0)
    assert replies[0]["direct"] is True
    exported = harness.chat.privacy.export.page(ALICE, ExportQuery())["conversations"]
    assert {entry["conversation_id"]: entry.get("direct") for entry in exported} == {chat: True, group: None}


def test_nobody_opens_a_conversation_with_themselves() -> None:
    with pytest.raises(ValidationFailed):
        open_direct(AppHarness(), "alice", "alice")


def test_members_can_change_nothing_but_their_own_messages() -> None:
    harness = AppHarness()
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    message = harness.send_message("bob", chat, "mine")
    services, updates = harness.chat.conversations, harness.chat.messaging.updates
    for refused in (
        lambda: services.additions.add(ALICE, chat, NewParticipant(participant_id="carol", name="C")),
        lambda: services.lifecycle.update(ALICE, chat, UpdateConversation(title="T")),
        lambda: services.lifecycle.update(ALICE, chat, UpdateConversation(retention_days=30)),
        lambda: services.lifecycle.delete(ALICE, chat),
        lambda: services.moderation.update(ALICE, chat, "bob", UpdateParticipant(role="owner")),
        lambda: services.moderation.update(ALICE, chat, "bob", UpdateParticipant(muted_for=60)),
        lambda: services.moderation.ban(ALICE, chat, "bob"),
        lambda: services.members.remove(ALICE, chat, "bob"),
        lambda: services.invites.create(ALICE, chat, CreateInvite()),
        lambda: services.pending.withdraw(ALICE, chat, "bob"),
        lambda: updates.delete(ALICE, chat, message),
        lambda: updates.edit(ALICE, chat, message, EditMessage(content="yours")),
    ):
        with pytest.raises(Forbidden):
            refused()
    with pytest.raises(NotFound):
        services.members.join(principal("carol"), chat)
    updates.delete(BOB, chat, message)


# ---- hidden ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["activity", "created"])
def test_leave_hides_until_the_next_message(order: str) -> None:
    harness = AppHarness()
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    harness.send_message("bob", chat, "one")
    assert harness.chat.conversations.members.leave(ALICE, chat).response == {}
    assert listed(harness, "alice", order=order) == []
    assert listed(harness, "bob", order=order) == [chat]
    assert harness.head(chat).participant_count == 2
    harness.chat.messaging.reactions.add(BOB, chat, 2, "👍")
    assert listed(harness, "alice", order=order) == []
    harness.send_message("bob", chat, "two")
    assert listed(harness, "alice", order=order) == [chat]


def test_opening_shows_a_hidden_conversation_again() -> None:
    harness = AppHarness()
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    assert listed(harness, "alice") == [chat]
    harness.chat.conversations.members.remove(ALICE, chat, "alice")
    assert listed(harness, "alice") == []
    open_direct(harness, "bob", "alice")
    assert listed(harness, "alice") == []
    open_direct(harness, "alice", "bob")
    assert listed(harness, "alice") == [chat]


# ---- consent -----------------------------------------------------------------------------------------------


def test_invitee_accepts_by_opening_or_joining_and_reads_what_waited() -> None:
    for accept in ("open", "join"):
        harness = AppHarness(CONSENT)
        harness.connect("bob=", "bob")
        status, made = open_direct(harness, "alice", "bob")
        chat = made["conversation_id"]
        assert (status, [entry["participant_id"] for entry in made["pending"]]) == (201, ["bob"])
        assert [entry["membership"] for entry in made["pending"]] == ["pending"]
        harness.send_message("alice", chat, "hello bob")
        with pytest.raises(NotFound):
            harness.chat.conversations.views.view(chat, BOB)
        ((pending),) = pending_of(harness, "bob")
        assert (pending["conversation_id"], pending["direct"]) == (chat, True)
        if accept == "open":
            assert open_direct(harness, "bob", "alice")[0] == 200
        else:
            harness.chat.conversations.members.join(BOB, chat)
        view = harness.chat.conversations.views.view(chat, BOB, messages=True)
        assert [message["content"] for message in view["messages"]] == ["hello bob"]
        assert view["unread_count"] == 1
        assert pending_of(harness, "bob") == []
        assert "pending" not in harness.chat.conversations.views.view(chat, ALICE)
        assert [event["type"] for event in harness.events(chat)][-1] == "participant_joined"
        harness.send_message("alice", chat, "more")
        assert open_direct(harness, "bob", "alice")[1]["conversation_id"] == chat


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_opener_sends_so_many_messages_before_acceptance(limit: int) -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_MESSAGES_BEFORE_ACCEPTANCE": str(limit)})
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    for number in range(limit):
        harness.send_message("alice", chat, f"{number}", client_message_id=f"{number}")
    with pytest.raises(NotAccepted):
        harness.send_message("alice", chat, "one too many")
    for number in range(limit):  # a repeat is answered as the first time
        assert harness.send_message("alice", chat, f"{number}", client_message_id=f"{number}") == 2 + number
    open_direct(harness, "bob", "alice")
    harness.send_message("alice", chat, "accepted")


def test_run_of_messages_stops_at_the_limit() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_MESSAGES_BEFORE_ACCEPTANCE": "2"})
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    harness.connect("alice=", "alice", chat)
    commands = [
        {"type": "message", "conversation_id": chat, "content": f"{number}", "client_message_id": f"{number}"}
        for number in range(4)
    ]
    (reply,) = harness.send_frame("alice=", type="batch", commands=commands)
    codes = [result.get("code") for result in reply["results"]]
    assert codes[:3] == [None, None, "NOT_ACCEPTED"]
    assert harness.head(chat).message_count == 2


def test_pending_conversation_stays_after_decline_and_expiry_and_can_still_be_accepted() -> None:
    for end in ("decline", "expiry"):
        harness = AppHarness(CONSENT)
        before = open_direct(harness, "alice", "bob")[1]
        chat = before["conversation_id"]
        if end == "decline":
            harness.chat.conversations.members.leave(BOB, chat)
        else:
            harness.clock.advance(31 * 24 * 3600)
        assert pending_of(harness, "bob") == []
        status, after = open_direct(harness, "alice", "bob")
        assert (status, {**after, "participants": []}) == (200, {**before, "participants": []})
        assert pending_of(harness, "bob") == []
        assert open_direct(harness, "bob", "alice")[1]["conversation_id"] == chat


# ---- erasure -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, CONSENT], ids=["accepted", "pending"])
@pytest.mark.parametrize("erased", ["alice", "bob"])
def test_pair_begins_anew_after_the_erasure_of_one(settings: dict[str, str], erased: str) -> None:
    harness = AppHarness(settings)
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    harness.send_message("alice", chat, "hello")
    erase(harness, erased)
    naming = [row for row in harness.store.items("conversations") if erased in str(row)]
    assert naming == [], "no row names an erased participant"
    harness.clock.advance(1)
    again = open_direct(harness, "alice", "bob")[1]
    assert again["conversation_id"] != chat
    assert open_direct(harness, "bob", "alice")[1]["conversation_id"] == again["conversation_id"]


def test_pair_begins_anew_while_the_other_is_being_erased_and_cannot_open_it() -> None:
    harness = AppHarness()
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    job_id, _ = harness.chat.privacy.erasure.request(BOB)
    harness.chat.privacy.erasure.run(job_id, 5)
    with pytest.raises(ErasureRunning):
        open_direct(harness, "bob", "alice")
    status, again = open_direct(harness, "alice", "bob")
    assert (status, [entry["participant_id"] for entry in again["pending"]]) == (201, ["bob"])
    assert again["conversation_id"] != chat
    harness.clock.advance(70)
    assert harness.chat.privacy.erasure.run(job_id, 5) is None
    assert "bob" not in str(harness.chat.conversations.views.view(again["conversation_id"], ALICE))


def test_opening_counts_as_creation_and_respects_the_cap() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONVERSATIONS": "1"})
    open_direct(harness, "alice", "bob")
    with pytest.raises(ChatError, match="maximum number"):
        open_direct(harness, "alice", "carol")
    harness = AppHarness({"CHAT_LIMIT_CREATION_BURST": "1", "CHAT_LIMIT_CREATIONS_PER_MINUTE": "1"})
    open_direct(harness, "alice", "bob")
    open_direct(harness, "alice", "bob")
    with pytest.raises(ChatError, match="Too many creations"):
        open_direct(harness, "alice", "carol")
