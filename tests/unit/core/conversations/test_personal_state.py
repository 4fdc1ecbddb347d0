"""The state of a conversation for one member alone, in the list and in the roster."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import UpdatePersonalState
from tests.support.app_harness import AppHarness, principal


def list_page(harness: AppHarness, participant_id: str = "bob", **query: str) -> dict[str, Any]:
    return harness.chat.conversations.views.list(
        principal(participant_id), ConversationsQuery.model_validate(query)
    )


def ids(page: dict[str, Any]) -> list[str]:
    return [conversation["conversation_id"] for conversation in page["conversations"]]


def set_state(harness: AppHarness, conversation_id: str, participant_id: str = "bob", **state: bool) -> Any:
    request = UpdatePersonalState(**state)
    outcome = harness.chat.conversations.personal_states.update(
        principal(participant_id), conversation_id, request
    )
    harness.chat.realtime.fan_out.deliver(outcome.pushes, within=1)
    return outcome.response


def create(harness: AppHarness, count: int) -> list[str]:
    made = []
    for _ in range(count):
        harness.clock.advance(1)
        made.append(harness.create_conversation("alice", "bob"))
    return made


def test_state_of_a_member_is_shown_to_that_member_alone(harness: AppHarness) -> None:
    (chat,) = create(harness, 1)
    harness.connect("b1", "bob")
    harness.connect("a1", "alice")
    state = {"archived": True, "pinned": False, "notifications_muted": True}
    assert set_state(harness, chat, archived=True, notifications_muted=True) == state
    assert list_page(harness)["conversations"][0]["me"] == state
    assert harness.posted("b1", "personal_state") == [
        {"type": "personal_state", "conversation_id": chat, "me": state}
    ]
    assert harness.posted("a1", "personal_state") == []
    assert not any(list_page(harness, "alice")["conversations"][0]["me"].values())
    assert set_state(harness, chat, archived=False) == {**state, "archived": False}


@pytest.mark.parametrize("muted", [True, False])
def test_notification_mute_is_mirrored_in_the_roster(harness: AppHarness, muted: bool) -> None:
    (chat,) = create(harness, 1)
    set_state(harness, chat, notifications_muted=True, pinned=True)
    set_state(harness, chat, notifications_muted=muted)
    roster = harness.chat.stores.memberships.roster(chat)
    assert [member.participant_id for member in roster if member.notifications_muted] == ["bob"] * muted
    assert harness.member(chat, "bob").notifications_muted == muted
    assert not any(member.pinned for member in roster), "the roster repeats the mute alone"


def test_state_survives_reading_and_sending(harness: AppHarness) -> None:
    (chat,) = create(harness, 1)
    set_state(harness, chat, archived=True, pinned=True, notifications_muted=True)
    number = harness.send_message("alice", chat)
    harness.chat.conversations.history.read(principal("bob"), chat, number)
    harness.send_message("bob", chat)
    member = harness.member(chat, "bob")
    assert (member.archived, member.pinned, member.notifications_muted) == (True, True, True)


def test_state_does_not_survive_leaving_and_returning(harness: AppHarness) -> None:
    (chat,) = create(harness, 1)
    set_state(harness, chat, archived=True, pinned=True, notifications_muted=True)
    harness.chat.conversations.members.leave(principal("bob"), chat)
    with pytest.raises(NotFound):
        set_state(harness, chat, archived=False)
    harness.chat.conversations.members.join(principal("bob"), chat)
    member = harness.member(chat, "bob")
    assert (member.archived, member.pinned, member.notifications_muted) == (False, False, False)
    assert not any(entry.notifications_muted for entry in harness.chat.stores.memberships.roster(chat))


def test_state_of_a_former_membership_is_not_written_to_the_next(harness: AppHarness) -> None:
    (chat,) = create(harness, 1)
    former = harness.member(chat, "bob")
    harness.chat.conversations.members.leave(principal("bob"), chat)
    harness.chat.conversations.members.join(principal("bob"), chat)
    changes = {"archived": True, "notifications_muted": True}
    assert not harness.chat.stores.memberships.set_personal_state(former, changes)
    assert not harness.member(chat, "bob").archived


def test_unchanged_state_is_not_pushed(harness: AppHarness) -> None:
    (chat,) = create(harness, 1)
    harness.connect("b1", "bob")
    assert set_state(harness, chat, pinned=False)["pinned"] is False
    assert harness.posted("b1", "personal_state") == []


@pytest.mark.parametrize("order", ["activity", "created"])
@pytest.mark.parametrize("limit", ["1", "2", "50"])
def test_list_filters_archived_conversations(harness: AppHarness, order: str, limit: str) -> None:
    made = create(harness, 5)
    for archived in (made[0], made[1], made[3]):
        set_state(harness, archived, archived=True)

    def walk(**query: str) -> set[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = list_page(harness, order=order, limit=limit, **query, **cursor)
            found += ids(page)
            if "next_cursor" not in page:
                assert len(set(found)) == len(found)
                return set(found)
            cursor = {"cursor": page["next_cursor"]}

    assert walk(archived="true") == {made[0], made[1], made[3]}
    assert walk(archived="false") == {made[2], made[4]}
    assert walk() == set(made)


def test_pinned_conversations_come_first_on_all_pages(harness: AppHarness) -> None:
    made = create(harness, 5)
    for pinned in (made[0], made[2]):
        set_state(harness, pinned, pinned=True)
    harness.clock.advance(1)
    harness.send_message("alice", made[1])
    expected = [made[2], made[0], made[1], made[4], made[3]]
    assert ids(list_page(harness)) == expected
    first = list_page(harness, limit="1")
    rest = list_page(harness, limit="50", cursor=first["next_cursor"])
    assert ids(first) + ids(rest) == expected
    assert ids(list_page(harness, "alice")) == [made[1], *reversed(made[2:]), made[0]]


def test_total_unread_counts_all_conversations_that_are_not_archived(harness: AppHarness) -> None:
    made = create(harness, 4)
    for conversation_id in made:
        harness.send_message("alice", conversation_id)
        harness.send_message("bob", conversation_id)
    harness.send_message("alice", made[0])
    page = list_page(harness, limit="1")
    assert page["total_unread"] == 5
    assert (page["conversations"][0]["message_count"], page["conversations"][0]["unread_count"]) == (3, 2)
    set_state(harness, made[0], archived=True)
    assert list_page(harness, limit="1")["total_unread"] == 3
    assert list_page(harness, archived="true")["total_unread"] == 3, "whatever the filter"
    harness.chat.conversations.members.leave(principal("bob"), made[1])
    assert list_page(harness)["total_unread"] == 2


@pytest.mark.parametrize("nth", [1, 2])
def test_total_unread_counts_nothing_after_a_removal(harness: AppHarness, nth: int) -> None:
    (chat,) = create(harness, 1)
    harness.send_message("alice", chat)

    def removed() -> None:
        harness.gather.reset()
        harness.chat.conversations.members.remove(principal("alice"), chat, "bob")
        harness.send_message("alice", chat)

    harness.gather.after(nth, removed)
    assert list_page(harness) == {"conversations": [], "total_unread": 0}
    assert not harness.gather.is_pending
