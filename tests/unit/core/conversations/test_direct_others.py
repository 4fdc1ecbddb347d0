"""The other participant in list entries of direct conversations: present name, avatar and type, without a read."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.queries import ConversationsQuery, ServiceConversationsQuery
from chalicelib.core.protocol.requests import NewParticipant, SendMessage, SetProfile
from tests.support.app_harness import AppHarness, principal
from tests.support.fakes import FakeJobQueue
from tests.unit.core.conversations.test_directs import CONSENT, erase, open_direct

AVATAR = "https://cdn.example.com/picture.png"


def new_harness(**settings: str) -> AppHarness:
    return AppHarness({"CHAT_LIMIT_CHANGE_BURST": "100", **settings}, queue=FakeJobQueue())


def other(harness: AppHarness, caller: str) -> dict[str, Any] | None:
    """Return the other participant of the only conversation of a caller, which list and service agree on."""
    (entry,) = harness.chat.conversations.views.list(principal(caller), ConversationsQuery())["conversations"]
    query = ServiceConversationsQuery(participant_id=caller)
    (of_service,) = harness.chat.backend.overview.list(query)["conversations"]
    viewed = harness.chat.conversations.views.view(entry["conversation_id"], principal(caller))
    assert entry.get("other") == of_service.get("other") == viewed.get("other")
    found: dict[str, Any] | None = entry.get("other")
    return found


def set_profile(harness: AppHarness, participant_id: str, name: str, avatar_url: str | None = AVATAR) -> None:
    request = SetProfile(name=name, avatar_url=avatar_url)
    harness.chat.conversations.profiles.set(principal(participant_id), request)


def run_copies(harness: AppHarness) -> None:
    while pending := harness.chat.stores.profiles.pending(None, 1):
        harness.chat.privacy.jobs.run(f"profile:{pending[0]}", 60)


@pytest.mark.parametrize("settings", [{}, CONSENT], ids=["added", "accepted"])
@pytest.mark.parametrize("accept", ["open", "join"])
def test_each_entry_names_the_other(settings: dict[str, str], accept: str) -> None:
    harness = new_harness(**settings)
    set_profile(harness, "alice", "Alice Liddell")
    set_profile(harness, "bob", "Bob Cratchit", None)
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    if settings and accept == "open":
        open_direct(harness, "bob", "alice")
    elif settings:
        harness.chat.conversations.members.join(principal("bob"), chat)
    assert other(harness, "alice") == {"participant_id": "bob", "name": "Bob Cratchit", "type": "human"}
    alice = {"participant_id": "alice", "name": "Alice Liddell", "type": "human", "avatar_url": AVATAR}
    assert other(harness, "bob") == alice
    harness.connect("bob=", "bob")
    replies = harness.send_frame("bob=", type="subscribe", conversation_id=chat)
    assert "other" not in replies[0], "a snapshot has the participants"


def test_registered_agent_is_an_agent() -> None:
    harness = new_harness()
    harness.chat.backend.suspensions.register_agent("bob")
    open_direct(harness, "alice", "bob")
    found = other(harness, "alice")
    assert found is not None
    assert found["type"] == "agent"


def test_added_frame_names_the_other() -> None:
    harness = new_harness()
    harness.connect("bob=", "bob")
    open_direct(harness, "alice", "bob")
    (frame,) = harness.posted("bob=", "conversation_added")
    assert frame["conversation"]["other"] == {"participant_id": "alice", "name": "alice", "type": "human"}


def test_invitee_is_named_as_the_opener_did_until_they_accept() -> None:
    harness = new_harness(**CONSENT)
    harness.chat.conversations.directs.open(principal("alice"), "bob", "Bobby")
    set_profile(harness, "bob", "Bob Cratchit")
    run_copies(harness)
    assert other(harness, "alice") == {"participant_id": "bob", "name": "Bobby", "type": "human"}
    open_direct(harness, "bob", "alice")
    bob = {"participant_id": "bob", "name": "Bob Cratchit", "type": "human", "avatar_url": AVATAR}
    assert other(harness, "alice") == bob


@pytest.mark.parametrize("changed", ["alice", "bob"])
def test_changed_profile_is_copied_to_the_note(changed: str) -> None:
    harness = new_harness()
    viewer = "bob" if changed == "alice" else "alice"
    open_direct(harness, "alice", "bob")
    for name, avatar_url in (("Renamed", AVATAR), ("Renamed again", None)):
        set_profile(harness, changed, name, avatar_url)
        run_copies(harness)
        found = other(harness, viewer)
        assert found is not None
        assert (found["participant_id"], found["name"], found.get("avatar_url")) == (changed, name, avatar_url)
    before = other(harness, changed)
    assert before is not None
    assert before["name"] == viewer


def test_profile_copied_by_an_interrupted_job_reaches_the_note() -> None:
    harness = new_harness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    set_profile(harness, "bob", "Renamed")
    profiles = harness.chat.stores.profiles
    profile = profiles.profile("bob")
    assert profile is not None
    assert profiles.copy_to(harness.member(chat, "bob"), profile)
    run_copies(harness)
    found = other(harness, "alice")
    assert found is not None
    assert found["name"] == "Renamed"


def test_older_profile_does_not_replace_a_newer_one() -> None:
    harness = new_harness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    profiles = harness.chat.stores.profiles
    set_profile(harness, "bob", "First")
    first = profiles.profile("bob")
    set_profile(harness, "bob", "Second")
    run_copies(harness)
    assert first is not None
    assert not profiles.note_in_other(harness.member(chat, "bob"), first)
    found = other(harness, "alice")
    assert found is not None
    assert found["name"] == "Second"


@pytest.mark.parametrize("by", ["message", "read"])
def test_name_of_a_token_follows_with_the_next_message_or_read(by: str) -> None:
    harness = new_harness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    harness.send_message("alice", chat)
    renamed = Principal("bob", "Robert", "agent")
    if by == "message":
        harness.chat.messaging.sender.send(renamed, chat, SendMessage(content="hello"))
    else:
        harness.chat.conversations.history.read(renamed, chat, 2)
    assert other(harness, "alice") == {"participant_id": "bob", "name": "Robert", "type": "agent"}


@pytest.mark.parametrize("settings", [{}, CONSENT], ids=["added", "pending"])
@pytest.mark.parametrize("erased", ["alice", "bob"])
def test_erasure_removes_the_note(settings: dict[str, str], erased: str) -> None:
    harness = new_harness(**settings)
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    set_profile(harness, erased, "Known Name")
    run_copies(harness)
    members = [harness.chat.stores.memberships.membership(chat, name) for name in ("alice", "bob")]
    erase(harness, erased)
    for member in filter(None, members):  # a job that is late brings nothing back
        profile = harness.chat.stores.profiles.profile(member.participant_id)
        if profile is not None:
            harness.chat.stores.profiles.note_in_other(member, profile)
    assert [row for row in harness.store.items("conversations") if "Known Name" in str(row)] == []
    if not settings:
        assert other(harness, "bob" if erased == "alice" else "alice") is None


def test_group_entry_has_no_other() -> None:
    harness = new_harness()
    chat = harness.create_conversation("alice")
    bob = NewParticipant(participant_id="bob", name="Bob")
    harness.chat.conversations.additions.add(principal("alice"), chat, bob)
    assert other(harness, "alice") is None
