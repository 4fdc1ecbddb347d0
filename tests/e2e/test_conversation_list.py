"""The list of the caller's conversations, in both orders and in pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient


def test_list_contains_the_callers_conversations_only(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    shared, private, left, departed = (
        alice.create_conversation(name, members=[bob]) for name in ("one", "two", "three", "four")
    )
    bob.leave(left)
    alice.remove_participant(private, bob)
    alice.delete_conversation(departed)
    assert [conversation["conversation_id"] for conversation in bob.list_conversations()] == [shared]
    assert {conversation["conversation_id"] for conversation in alice.list_conversations()} == {
        shared,
        private,
        left,
    }
    (nobody,) = clients("nobody")
    assert nobody.get("/conversations").expect(200) == {"conversations": [], "total_unread": 0}


def test_list_entry_equals_the_conversation_without_participants(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], metadata={"a": [1, {"b": None}]}, join_policy="open")
    assert "last_message" not in alice.list_conversations()[0]
    event = bob.post_message(chat, "newest")
    (listed,) = alice.list_conversations()
    view = alice.get_conversation(chat)
    assert listed == {name: value for name, value in view.items() if name not in ("participants", "messages")}
    assert listed["last_message"] == event
    assert (listed["unread_count"], listed["participant_count"], listed["head"]) == (1, 2, 2)


def test_list_is_ordered_by_messages_alone(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    one, two, three = (
        alice.create_conversation(name, members=[bob], join_policy="open") for name in ("one", "two", "three")
    )
    assert _listed(alice) == [three, two, one]
    message = bob.post_message(one, "hello")["sequence_id"]
    assert _listed(alice) == _listed(bob) == [one, three, two]
    bob.post_message(two, "hello")
    assert _listed(alice) == [two, one, three]
    alice.add_reaction(one, message, "👍")
    bob.edit_message(one, message, content="changed")
    alice.update_conversation(three, title="changed")
    alice.set_role(three, bob, "moderator")
    (carol,) = clients("carol")
    carol.join(three)
    bob.delete_message(one, message)
    bob.put(f"/conversations/{one}/read", {"sequence_id": 1}).expect(200)
    assert _listed(alice) == _listed(bob) == [two, one, three]


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_list_by_creation_contains_every_conversation_once_whatever_happens(
    clients: MakeClients, limit: int
) -> None:
    alice, bob = clients("alice", "bob")
    made = [alice.create_conversation(f"number {number}", members=[bob]) for number in range(6)]
    bob.leave(made[2])
    walk: list[str] = []
    query: dict[str, Any] = {"order": "created", "limit": limit}
    while True:
        page = bob.get("/conversations", **query).expect(200)
        assert len(page["conversations"]) <= limit
        walk += _ids(page)
        alice.post_message(made[0], "to the top")
        alice.post_message(made[5], "to the top")
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert walk == [made[0], made[1], *made[3:]]


def test_cursor_of_another_order_is_rejected(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    for number in range(2):
        alice.create_conversation(f"number {number}")
    for order, other in (("activity", "created"), ("created", "activity")):
        cursor = alice.get("/conversations", limit=1, order=order).expect(200)["next_cursor"]
        alice.get("/conversations", order=other, cursor=cursor).expect(400, "VALIDATION_FAILED")


def test_personal_state_reaches_the_other_devices_and_the_list(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    one, two = (alice.create_conversation(name, members=[bob]) for name in ("one", "two"))
    alice.post_message(one, "hello")
    device = bob.connect()
    state = {"archived": False, "pinned": True, "notifications_muted": True}
    changed = bob.patch(f"/conversations/{two}/me", {"pinned": True, "notifications_muted": True}).expect(200)
    assert changed == state
    assert device.expect_frame(type="personal_state")["me"] == state
    assert _listed(bob) == [two, one]
    assert bob.get("/conversations").expect(200)["total_unread"] == 1
    bob.patch(f"/conversations/{one}/me", {"archived": True}).expect(200)
    shown = bob.get("/conversations", archived="false").expect(200)
    assert (_ids(shown), shown["total_unread"]) == ([two], 0)
    assert _ids(bob.get("/conversations", archived="true").expect(200)) == [one]
    error = bob.patch(f"/conversations/{one}/me", {}).expect(400, "VALIDATION_FAILED")["error"]
    assert "must have archived" in error["details"][0]["problem"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_paging_returns_every_conversation_once(clients: MakeClients, limit: int) -> None:
    (alice,) = clients("alice")
    made = [alice.create_conversation(f"number {number}") for number in range(4)]
    pages = _pages(alice, limit=limit)
    assert [conversation_id for page in pages for conversation_id in page] == made[::-1]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-len(made) // limit)


def test_activity_between_pages_neither_repeats_nor_skips_idle_conversations(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    made = [alice.create_conversation(f"number {number}") for number in range(6)]
    first = alice.get("/conversations", limit=2).expect(200)
    alice.post_message(made[0], "was last, now first")
    alice.delete_conversation(made[1])
    second = alice.get("/conversations", limit=2, cursor=first["next_cursor"]).expect(200)
    assert _ids(first) == [made[5], made[4]]
    assert _ids(second) == [made[3], made[2]]
    assert "next_cursor" not in second
    assert _listed(alice)[0] == made[0]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "bm9wZQ==", "W10=", "WzEsMl0=", "WyJhIiwiYiJd", "{}", "é", "=" * 512, "A" * 513, "\x00", "null"],
)
def test_invalid_cursor_is_rejected(clients: MakeClients, cursor: str) -> None:
    (alice,) = clients("alice")
    alice.get("/conversations", cursor=cursor).expect(400, "VALIDATION_FAILED")


def test_foreign_cursor_returns_the_callers_conversations(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    for name in ("one", "two"):
        alice.create_conversation(name)
    cursor = alice.get("/conversations", limit=1).expect(200)["next_cursor"]
    assert bob.list_conversations(cursor=cursor) == []


def _listed(person: TestClient) -> list[str]:
    return [conversation["conversation_id"] for conversation in person.list_conversations()]


def _ids(page: Any) -> list[str]:
    return [conversation["conversation_id"] for conversation in page["conversations"]]


def _pages(person: TestClient, **query: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    while True:
        page = person.get("/conversations", **query).expect(200)
        assert page["conversations"], "an empty page that is not the last"
        pages.append(_ids(page))
        assert len({conversation_id for page in pages for conversation_id in page}) == sum(map(len, pages)), (
            "a page comes again"
        )
        if "next_cursor" not in page:
            return pages
        query["cursor"] = page["next_cursor"]
