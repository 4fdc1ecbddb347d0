"""The list of one's conversations: latest activity first, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import People
from tests.support.client import Person


def test_the_list_shows_the_conversations_that_one_is_in_and_no_others(people: People) -> None:
    alice, bob = people("alice", "bob")
    shared, private, left, gone = (alice.creates(name, with_=[bob]) for name in ("one", "two", "three", "four"))
    bob.leaves(left)
    alice.removes(private, bob)
    alice.deletes(gone)
    assert [each["conversation_id"] for each in bob.lists()] == [shared]
    assert {each["conversation_id"] for each in alice.lists()} == {shared, private, left}
    (nobody,) = people("nobody")
    assert nobody.get("/conversations").expect(200) == {"conversations": []}


def test_each_entry_shows_what_the_conversation_shows_but_for_its_participants(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], metadata={"a": [1, {"b": None}]}, join_policy="open")
    assert "last_message" not in alice.lists()[0]
    event = bob.posts(chat, "newest")
    (listed,) = alice.lists()
    view = alice.sees(chat)
    assert listed == {name: value for name, value in view.items() if name not in ("participants", "messages")}
    assert listed["last_message"] == event
    assert (listed["unread_count"], listed["participant_count"], listed["head"]) == (1, 2, 2)


def test_the_latest_activity_comes_first(people: People) -> None:
    alice, bob = people("alice", "bob")
    one, two, three = (alice.creates(name, with_=[bob]) for name in ("one", "two", "three"))
    assert _listed(alice) == [three, two, one]
    bob.posts(one, "hello")
    assert _listed(alice) == _listed(bob) == [one, three, two]
    alice.changes(two, title="changed")
    assert _listed(alice) == [two, one, three]
    alice.gives_role(three, bob, "moderator")
    assert _listed(alice) == [three, two, one]
    bob.put(f"/conversations/{one}/read", {"sequence_id": 1}).expect(200)
    assert _listed(alice) == [three, two, one], "reading is no activity"


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_paging_shows_every_conversation_once(people: People, limit: int) -> None:
    (alice,) = people("alice")
    made = [alice.creates(f"number {number}") for number in range(4)]
    pages = _pages(alice, limit=limit)
    assert [each for page in pages for each in page] == made[::-1]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-len(made) // limit)


def test_activity_between_two_pages_doubles_and_loses_nothing_that_lay_still(people: People) -> None:
    (alice,) = people("alice")
    made = [alice.creates(f"number {number}") for number in range(6)]
    first = alice.get("/conversations", limit=2).expect(200)
    alice.posts(made[0], "was last, now first")
    alice.deletes(made[1])
    second = alice.get("/conversations", limit=2, cursor=first["next_cursor"]).expect(200)
    assert _ids(first) == [made[5], made[4]]
    assert _ids(second) == [made[3], made[2]]
    assert "next_cursor" not in second
    assert _listed(alice)[0] == made[0]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "bm9wZQ==", "W10=", "WzEsMl0=", "WyJhIiwiYiJd", "{}", "é", "=" * 512, "A" * 513, "\x00", "null"],
)
def test_a_made_up_cursor_is_refused(people: People, cursor: str) -> None:
    (alice,) = people("alice")
    alice.get("/conversations", cursor=cursor).expect(400, "VALIDATION_FAILED")


def test_a_cursor_of_somebody_else_shows_ones_own_conversations(people: People) -> None:
    alice, bob = people("alice", "bob")
    for name in ("one", "two"):
        alice.creates(name)
    cursor = alice.get("/conversations", limit=1).expect(200)["next_cursor"]
    assert bob.lists(cursor=cursor) == []


def _listed(person: Person) -> list[str]:
    return [each["conversation_id"] for each in person.lists()]


def _ids(page: Any) -> list[str]:
    return [each["conversation_id"] for each in page["conversations"]]


def _pages(person: Person, **query: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    while True:
        page = person.get("/conversations", **query).expect(200)
        assert page["conversations"], "an empty page that is not the last"
        pages.append(_ids(page))
        assert len({each for page in pages for each in page}) == sum(map(len, pages)), "a page comes again"
        if "next_cursor" not in page:
            return pages
        query["cursor"] = page["next_cursor"]
