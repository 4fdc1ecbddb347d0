"""Profiles: set by the participant or a service, shown in rosters, and copied to all memberships."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import Forbidden
from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import NewParticipant, SendMessage, SetProfile
from tests.support.app_harness import AppHarness, principal
from tests.support.fakes import FakeJobQueue
from tests.support.items import items_with

TABLES = ("conversations", "connections")
AVATAR = "https://cdn.example.com/bob.png"
BOB = "bob#1"
JOB = f"profile:{digest(BOB)}"


def new_harness(**settings: str) -> AppHarness:
    return AppHarness({"CHAT_TIME_ERASURE_GRACE": "0", **settings}, queue=FakeJobQueue())


@pytest.fixture
def harness() -> AppHarness:
    return new_harness()


def save(harness: AppHarness, name: str, avatar_url: str | None = AVATAR, **fields: Any) -> dict[str, Any]:
    """Set bob's profile, without running the job that copies it."""
    request = SetProfile(name=name, avatar_url=avatar_url, **fields)
    return dict(harness.chat.conversations.profiles.set(principal(BOB), request).response)


def run_copies(harness: AppHarness, seconds: float = 60) -> None:
    while harness.chat.stores.profiles.pending(None, 1):
        harness.chat.privacy.jobs.run(JOB, seconds)


def shown(harness: AppHarness, chat: str, participant_id: str = BOB) -> tuple[str, str | None]:
    """Return name and avatar of a member, as alice sees them."""
    view = harness.chat.conversations.views.view(chat, principal("alice"))
    (found,) = [entry for entry in view["participants"] if entry["participant_id"] == participant_id]
    return found["name"], found.get("avatar_url")


def stored_names(harness: AppHarness, chat: str) -> tuple[str, str]:
    """Return bob's name in the membership and in the roster."""
    (entry,) = [one for one in harness.chat.stores.memberships.roster(chat) if one.participant_id == BOB]
    return harness.member(chat, BOB).name, entry.name


def test_profile_is_copied_to_all_conversations(harness: AppHarness) -> None:
    chats = [harness.create_conversation("alice", BOB) for _ in range(60)]
    answer = save(harness, "Bobby", metadata={"team": "blue"})
    assert (answer["name"], answer["avatar_url"], answer["metadata"]) == ("Bobby", AVATAR, {"team": "blue"})
    assert {shown(harness, chat) for chat in chats} == {(BOB, None)}
    run_copies(harness)
    assert {shown(harness, chat) for chat in chats} == {("Bobby", AVATAR)}
    assert {stored_names(harness, chat) for chat in chats} == {("Bobby", "Bobby")}
    assert harness.chat.stores.profiles.pending(None, 10) == []
    assert [len(harness.events(chat)) for chat in chats] == [1] * 60, "no event per conversation"


def test_new_memberships_begin_with_the_profile(harness: AppHarness) -> None:
    save(harness, "Bobby")
    added = harness.create_conversation("alice", BOB)
    joined = harness.create_conversation("alice")
    harness.chat.conversations.members.join(principal(BOB), joined)
    by_name = harness.create_conversation("alice")
    harness.add("alice", by_name, BOB)
    created = harness.create_conversation(BOB, "alice")
    assert {shown(harness, chat) for chat in (added, joined, by_name, created)} == {("Bobby", AVATAR)}
    event = harness.events(joined)[-1]
    assert event["sender"]["name"] == event["participant"]["name"] == "Bobby"
    assert items_with(harness.store, TABLES, AVATAR) != []
    assert not [
        event for chat in (added, joined, created) for event in harness.events(chat) if AVATAR in str(event)
    ]


def test_messages_are_signed_with_the_profile_and_not_with_the_token(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", BOB)
    renamed = Principal(BOB, "Robert")
    save(harness, "Bobby")
    run_copies(harness)
    sent = harness.chat.messaging.sender.send(renamed, chat, SendMessage(content="hello"))
    assert sent.event["sender"]["name"] == "Bobby"
    harness.chat.conversations.history.read(renamed, chat, sent.event["sequence_id"])
    assert stored_names(harness, chat) == ("Bobby", "Bobby")


def test_name_of_the_token_is_used_without_a_profile(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", BOB)
    harness.chat.messaging.sender.send(Principal(BOB, "Robert"), chat, SendMessage(content="hello"))
    assert shown(harness, chat) == ("Robert", None)


def test_newest_profile_wins_over_a_late_copy_of_an_older_one(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", BOB)
    save(harness, "First")
    profiles = harness.chat.stores.profiles
    first, member = profiles.profile(BOB), harness.member(chat, BOB)
    save(harness, "Second", None)
    run_copies(harness)
    assert first is not None
    assert not profiles.copy_to(member, first)
    assert not profiles.copy_to(replace(member, epoch=99), first._replace(version=9))
    assert shown(harness, chat) == ("Second", None)


def test_profile_that_changes_during_its_copies_is_copied_from_the_beginning(harness: AppHarness) -> None:
    chats = [harness.create_conversation("alice", BOB) for _ in range(30)]
    save(harness, "First")
    harness.chat.privacy.jobs.run(JOB, 0)
    assert sorted({shown(harness, chat)[0] for chat in chats}) == ["First", BOB]
    save(harness, "Second")
    run_copies(harness, 0)
    assert {shown(harness, chat)[0] for chat in chats} == {"Second"}


def test_same_profile_is_no_change(harness: AppHarness) -> None:
    first = save(harness, "Bobby")
    run_copies(harness)
    harness.clock.advance(5)
    assert save(harness, "Bobby") == first
    assert harness.chat.stores.profiles.pending(None, 10) == []


def test_connected_members_receive_a_frame_once(harness: AppHarness) -> None:
    chats = [harness.create_conversation("alice", BOB, "carol") for _ in range(3)]
    harness.connect("c-alice", "alice", *chats)
    harness.connect("c-bob", BOB, *chats)
    harness.connect("c-carol", "carol")
    save(harness, "Bobby")
    run_copies(harness)
    (frame,) = harness.posted("c-alice", "profile")
    assert frame["participant"] == {"participant_id": BOB, "name": "Bobby", "type": "human"}
    assert frame["avatar_url"] == AVATAR
    assert harness.posted("c-carol", "profile") == harness.posted("c-bob", "profile") == []


def test_frames_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.conversations.profile_copies.MAX_NOTIFIED", 2)
    harness = new_harness(CHAT_LIMIT_PRESENCE_PARTICIPANTS="4")
    small = harness.create_conversation("alice", BOB, "carol", "dave")
    large = harness.create_conversation("alice", BOB, "carol", "dave", "erin")
    for name in ("alice", "carol", "dave"):
        harness.connect(f"c-{name}", name, small)
    harness.connect("c-erin", "erin", large)
    save(harness, "Bobby")
    run_copies(harness)
    assert sum(len(harness.posted(f"c-{name}", "profile")) for name in ("alice", "carol", "dave")) == 2
    assert harness.posted("c-erin", "profile") == [], "a large conversation gets no frame"
    assert shown(harness, large) == ("Bobby", AVATAR)


def test_own_connections_receive_the_frame_at_once(harness: AppHarness) -> None:
    harness.connect("c-bob", BOB)
    result = harness.chat.conversations.profiles.set(principal(BOB), SetProfile(name="Bobby"))
    harness.chat.realtime.fan_out.deliver(result.pushes, within=5)
    assert len(harness.posted("c-bob", "profile")) == 1


def test_setting_leaves_profiles_to_services() -> None:
    harness = new_harness(CHAT_PROFILES="services")
    profiles = harness.chat.conversations.profiles
    with pytest.raises(Forbidden):
        profiles.set(principal(BOB), SetProfile(name="Bobby"))
    profiles.set(replace(principal(BOB), service="backend"), SetProfile(name="Bobby"))
    assert profiles.get(principal(BOB)) is not None


@pytest.mark.parametrize("has_queue", [False, True])
def test_sweep_continues_copies_that_the_queue_lost(has_queue: bool) -> None:
    queue = FakeJobQueue()
    harness = AppHarness(queue=queue if has_queue else None)
    chat = harness.create_conversation("alice", BOB)
    save(harness, "Bobby")
    harness.chat.privacy.jobs.sweep(60)
    assert queue.sent == ([(JOB, 0.0)] if has_queue else [])
    assert (shown(harness, chat)[0] == "Bobby") != has_queue
    run_copies(harness)
    assert shown(harness, chat) == ("Bobby", AVATAR)


def test_job_is_started_by_the_change() -> None:
    result = new_harness().chat.conversations.profiles.set(principal(BOB), SetProfile(name="Bobby"))
    assert result.job == JOB


def test_name_given_by_an_adder_does_not_replace_the_profile(harness: AppHarness) -> None:
    save(harness, "Bobby")
    chat = harness.create_conversation("alice")
    request = NewParticipant(participant_id=BOB, name="Clown")
    harness.chat.conversations.additions.add(principal("alice"), chat, request)
    assert shown(harness, chat) == ("Bobby", AVATAR)


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("way", ["join", "add", "create"])
def test_membership_that_begins_while_the_profile_changes_has_it(harness: AppHarness, way: str, nth: int) -> None:
    """The profile is set and copied after the nth reads of the arrival."""
    chat = harness.create_conversation("alice")
    services = harness.chat.conversations

    def change() -> None:
        save(harness, "Bobby")
        run_copies(harness)

    harness.gather.after(nth, change)
    if way == "join":
        services.members.join(principal(BOB), chat)
    elif way == "add":
        harness.add("alice", chat, BOB)
    else:
        chat = harness.create_conversation(BOB, "alice")
    if harness.gather.is_pending:
        change()  # the arrival has fewer reads
    assert shown(harness, chat) == ("Bobby", AVATAR)
