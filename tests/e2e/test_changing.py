"""Editing, deleting, reacting: by socket as by HTTP, told as it was in the log and as it is in history."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.conftest import People
from tests.e2e.together import at_once
from tests.support.client import Person

MESSAGE = 2
"""The sequence id of the first message of a conversation."""
HEART, THUMB = "❤️", "👍🏽"
FAMILY = "👨‍👩‍👧‍👦"

Change = Callable[[Person, str, str, dict[str, Any]], None]


def by_socket(person: Person, chat: str, command: str, fields: dict[str, Any]) -> None:
    person.changes_message(command, chat, MESSAGE, **fields)


def by_http(person: Person, chat: str, command: str, fields: dict[str, Any]) -> None:
    match command:
        case "edit":
            person.edits(chat, MESSAGE, **fields)
        case "delete":
            person.takes_back(chat, MESSAGE)
        case "react":
            person.reacts(chat, MESSAGE, **fields)
        case _:
            person.unreacts(chat, MESSAGE, **fields)


WAYS = pytest.mark.parametrize("change", [by_socket, by_http], ids=["socket", "HTTP"])


def a_chat(people: People, *others: str) -> tuple[str, list[Person]]:
    """Alice's message in a conversation of all, who all listen."""
    alice, *rest = people("alice", *others)
    chat = alice.creates("Chat", with_=rest)
    alice.posts(chat, "hello", client_message_id="known", mentions=[alice.id], metadata={"mood": 1})
    for each in (alice, *rest):
        each.connects(chat)
    return chat, [alice, *rest]


def the_message(person: Person, chat: str) -> Any:
    """The message as history, the list and the conversation show it: alike."""
    (message,) = person.history(chat)
    assert person.sees(chat)["messages"] == [message] == person.history(chat, after=0)
    assert person.sees(chat)["last_message"] == message == person.lists()[0]["last_message"]
    return message


@WAYS
def test_an_edit_is_an_event_and_the_message_says_something_else(people: People, change: Change) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    said = alice.log(chat)[1]

    change(alice, chat, "edit", {"content": "hello, Bob"})

    event = bob.hears_event("message_edited", target=MESSAGE, content="hello, Bob")
    assert event["sequence_id"] == 3
    assert event["sender"] == alice.reference
    message = the_message(bob, chat)
    assert message == {
        **said,
        "content": "hello, Bob",
        "edited_at": event["created_at"],
        "version": 3,
    }
    assert bob.log(chat)[1:] == [said, event], "the log tells it as it was"
    assert bob.syncs(chat, 1)["events"] == [said, event]


@WAYS
def test_mentions_and_metadata_change_where_they_are_named(people: People, change: Change) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    change(alice, chat, "edit", {"content": "hello", "mentions": [bob.id], "metadata": {"mood": 2}})
    event = bob.hears_event("message_edited", mentions=[bob.id], metadata={"mood": 2})
    message = the_message(bob, chat)
    assert (message["mentions"], message["metadata"]) == ([bob.id], {"mood": 2})
    change(alice, chat, "edit", {"content": "hello", "mentions": [], "metadata": {}})
    event = bob.hears_event("message_edited", sequence_id=event["sequence_id"] + 1)
    assert (event["mentions"], event["metadata"]) == ([], {})
    assert not {"mentions", "metadata"} & the_message(bob, chat).keys()


def test_an_edit_that_changes_nothing_is_the_one_before(people: People) -> None:
    chat, (alice,) = a_chat(people)
    assert alice.changes_message("edit", chat, MESSAGE, content="hello") == MESSAGE, "nothing was ever edited"
    assert alice.changes_message("edit", chat, MESSAGE, content="hi") == 3
    assert alice.changes_message("edit", chat, MESSAGE, content="hi", metadata={"mood": 1}) == 3
    assert alice.edits(chat, MESSAGE, "hi")["version"] == 3
    assert alice.changes_message("edit", chat, MESSAGE, content="hi", metadata={"mood": True}) == 4, "True is no 1"
    assert alice.head(chat) == 4


@WAYS
def test_a_deleted_message_keeps_its_place_and_nothing_it_said(people: People, change: Change) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    bob.posts(chat, "reply", reply_to=MESSAGE)
    alice.edits(chat, MESSAGE, "a secret", metadata={"secret": 1})
    bob.reacts(chat, MESSAGE, HEART)

    change(alice, chat, "delete", {})

    event = bob.hears_event("message_deleted", target=MESSAGE)
    message, reply = bob.history(chat)
    kept = {"conversation_id", "sequence_id", "type", "created_at", "sender", "message_id", "client_message_id"}
    assert message.keys() == kept | {"deleted_at"}
    assert message["deleted_at"] == event["created_at"]
    assert reply["reply_to"] == MESSAGE
    log = bob.log(chat)
    assert [each["type"] for each in log[1:]] == [
        "message",
        "message",
        "message_edited",
        "reaction_added",
        "message_deleted",
    ]
    assert log[1] == message
    assert log[3].keys() == kept - {"message_id", "client_message_id"} | {"target"}
    assert "secret" not in str(log)
    assert bob.who_reacted(chat, MESSAGE) == []
    bob.posts(chat, "another reply", reply_to=MESSAGE)


def test_the_newest_message_stays_the_last_one_when_it_is_deleted(people: People) -> None:
    chat, (alice,) = a_chat(people)
    before = alice.lists()[0]["unread_count"]
    alice.takes_back(chat, MESSAGE)
    assert "deleted_at" in the_message(alice, chat)
    assert alice.lists()[0]["unread_count"] == before


def test_a_repeat_of_a_message_that_was_changed_or_deleted_is_answered_like_the_first(people: People) -> None:
    chat, (alice,) = a_chat(people)
    alice.edits(chat, MESSAGE, "changed")
    again = {"content": "hello", "client_message_id": "known"}
    assert alice.post(f"/conversations/{chat}/messages", again).expect(200)["sequence_id"] == MESSAGE
    alice.takes_back(chat, MESSAGE)
    answer = alice.post(f"/conversations/{chat}/messages", again).expect(200)
    assert (answer["sequence_id"], "content" in answer) == (MESSAGE, False)
    assert alice.says(chat, "hello", client_message_id="known")["duplicate"] is True
    assert alice.head(chat) == 4


@WAYS
def test_a_reaction_is_counted_and_told_by_whom(people: People, change: Change) -> None:
    chat, (alice, bob, carol) = a_chat(people, "bob", "carol")
    change(bob, chat, "react", {"emoji": HEART})
    change(carol, chat, "react", {"emoji": FAMILY})
    change(carol, chat, "react", {"emoji": HEART})
    change(bob, chat, "react", {"emoji": HEART})

    assert alice.hears_event("reaction_added", target=MESSAGE, emoji=HEART)["sender"] == bob.reference
    assert the_message(alice, chat)["reactions"] == [{"emoji": HEART, "count": 2}, {"emoji": FAMILY, "count": 1}]
    told = alice.who_reacted(chat, MESSAGE, limit=1)
    assert sorted((each["participant_id"], each["emoji"], each["sequence_id"]) for each in told) == sorted(
        [(bob.id, HEART, 3), (carol.id, FAMILY, 4), (carol.id, HEART, 5)]
    )
    hearts = alice.who_reacted(chat, MESSAGE, emoji=HEART)
    assert {each["participant_id"] for each in hearts} == {bob.id, carol.id}
    assert alice.who_reacted(chat, MESSAGE, emoji=HEART, limit=1) == hearts

    change(bob, chat, "unreact", {"emoji": HEART})
    change(bob, chat, "unreact", {"emoji": HEART})
    change(carol, chat, "unreact", {"emoji": FAMILY})
    assert alice.hears_event("reaction_removed", emoji=HEART)["sender"] == bob.reference
    assert the_message(alice, chat)["reactions"] == [{"emoji": HEART, "count": 1}]
    assert alice.head(chat) == 7


def test_a_repeated_reaction_is_the_first_and_what_is_not_there_is_not_taken_back(people: People) -> None:
    chat, (alice,) = a_chat(people)
    assert alice.changes_message("react", chat, MESSAGE, emoji=HEART) == 3
    assert alice.changes_message("react", chat, MESSAGE, emoji=THUMB) == 4
    assert alice.changes_message("react", chat, MESSAGE, emoji=HEART) == 3
    assert alice.changes_message("unreact", chat, MESSAGE, emoji=FAMILY) == 4, "the present head"
    assert alice.changes_message("unreact", chat, MESSAGE, emoji=HEART) == 5
    assert alice.changes_message("unreact", chat, MESSAGE, emoji=HEART) == 5
    assert alice.changes_message("react", chat, MESSAGE, emoji=HEART) == 6


def refusal(person: Person, command: str, chat: str, target: int, **fields: Any) -> tuple[str, str]:
    """How the same is refused on both transports: the code, and where the problem is."""
    path = f"/conversations/{chat}/messages/{target}"
    frame = person.socket.asks(command, conversation_id=chat, target=target, **fields)
    assert frame["type"] == "error", frame
    if "emoji" in fields:
        answer = person.put(f"{path}/reactions?emoji={quote(fields['emoji'])}")
    else:
        answer = person.patch(path, fields) if command == "edit" else person.delete(path)
    http = answer.body["error"]
    places = [each["path"] for each in frame.get("details", [{"path": ""}])]
    if http["code"] != "NOT_FOUND":
        assert (frame["code"], frame["message"]) == (http["code"], http["message"])
        assert frame.get("details") == http.get("details")
    return frame["code"], places[0]


def test_only_its_author_edits_and_only_author_and_moderators_delete(people: People) -> None:
    chat, (alice, bob, carol) = a_chat(people, "bob", "carol")
    bob.posts(chat, "of bob")
    carol.posts(chat, "of carol")
    alice.gives_role(chat, carol, "moderator")
    for each in (bob, carol):
        assert refusal(each, "edit", chat, MESSAGE, content="mine now") == ("FORBIDDEN", "")
    assert refusal(alice, "edit", chat, 3, content="mine now") == ("FORBIDDEN", "")
    assert refusal(bob, "delete", chat, MESSAGE) == ("FORBIDDEN", "")
    assert alice.head(chat) == 5
    carol.takes_back(chat, MESSAGE)
    carol.takes_back(chat, 3)
    alice.takes_back(chat, 4)
    assert all("deleted_at" in each for each in bob.history(chat))


def test_what_is_deleted_is_neither_edited_nor_reacted_to(people: People) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    bob.reacts(chat, MESSAGE, "a")
    alice.takes_back(chat, MESSAGE)
    head = alice.head(chat)
    assert refusal(alice, "edit", chat, MESSAGE, content="back") == ("VALIDATION_FAILED", "target")
    assert refusal(bob, "react", chat, MESSAGE, emoji="b") == ("VALIDATION_FAILED", "target")
    assert bob.changes_message("unreact", chat, MESSAGE, emoji="a") == head, "it is not there any more"
    assert alice.changes_message("delete", chat, MESSAGE) == head, "a repeat is answered like the first"
    alice.takes_back(chat, MESSAGE)
    assert alice.head(chat) == head


@pytest.mark.parametrize("target", [1, 3, 1000], ids=["another event", "another event", "beyond the head"])
def test_what_is_no_message_cannot_be_changed(people: People, target: int) -> None:
    chat, (alice,) = a_chat(people)
    alice.changes(chat, title="Another")
    for command, fields in {"edit": {"content": "x"}, "delete": {}, "react": {"emoji": "a"}}.items():
        assert refusal(alice, command, chat, target, **fields) == ("VALIDATION_FAILED", "target")
    path = f"/conversations/{chat}/messages/{target}"
    alice.patch(path, {"content": "x"}).expect(404, "NOT_FOUND")
    alice.delete(path).expect(404, "NOT_FOUND")
    for method in ("GET", "PUT", "DELETE"):
        alice.request(method, f"{path}/reactions" + ("" if method == "GET" else "?emoji=a")).expect(
            404, "NOT_FOUND"
        )
    assert alice.head(chat) == 3


@pytest.mark.parametrize("number", ["0", "-1", "02", "1.0", "x", "%32%20", "9" * 17, "%00", "%D9%A2"])
def test_what_is_no_number_in_a_path_is_not_found(people: People, number: str) -> None:
    chat, (alice,) = a_chat(people)
    alice.patch(f"/conversations/{chat}/messages/{number}", {"content": "x"}).expect(404, "NOT_FOUND")
    alice.get(f"/conversations/{chat}/messages/{number}/reactions").expect(404, "NOT_FOUND")


def test_who_is_mentioned_by_an_edit_is_in_or_was_mentioned_before(people: People) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    alice.edits(chat, MESSAGE, "hello", mentions=[bob.id])
    bob.leaves(chat)
    alice.edits(chat, MESSAGE, "farewell", mentions=[bob.id, alice.id])
    assert refusal(alice, "edit", chat, MESSAGE, content="x", mentions=[alice.id, "nobody"]) == (
        "VALIDATION_FAILED",
        "mentions.1",
    )


def test_a_message_takes_twenty_emoji_and_fifty_edits(people: People) -> None:
    chat, (alice, bob) = a_chat(people, "bob")
    emoji = [chr(0x1F600 + number) for number in range(21)]
    for each in emoji[:20]:
        alice.reacts(chat, MESSAGE, each)
    assert refusal(alice, "react", chat, MESSAGE, emoji=emoji[20]) == ("VALIDATION_FAILED", "emoji")
    bob.reacts(chat, MESSAGE, emoji[0])
    alice.unreacts(chat, MESSAGE, emoji[5])
    alice.reacts(chat, MESSAGE, emoji[20])
    assert len(the_message(bob, chat)["reactions"]) == 20

    for number in range(50):
        alice.edits(chat, MESSAGE, f"version {number}")
    assert refusal(alice, "edit", chat, MESSAGE, content="one too many") == ("VALIDATION_FAILED", "target")
    assert the_message(bob, chat)["content"] == "version 49"
    assert alice.edits(chat, MESSAGE, "version 49")["content"] == "version 49", "a repeat is no edit"
    alice.takes_back(chat, MESSAGE)
    assert "version" not in str(alice.log(chat))


@pytest.mark.parametrize("emoji", ["", " ", "ab", "👍👍", "\u200d", "a" + "\u0301" * 32], ids=ascii)
def test_what_is_not_one_character_is_no_emoji(people: People, emoji: str) -> None:
    chat, (alice,) = a_chat(people)
    for command in ("react", "unreact"):
        answer = alice.socket.asks(command, conversation_id=chat, target=MESSAGE, emoji=emoji)
        assert (answer["code"], answer["details"][0]["path"]) == ("VALIDATION_FAILED", "emoji")
    path = f"/conversations/{chat}/messages/{MESSAGE}/reactions"
    for method in ("delete", "get"):
        error = getattr(alice, method)(path, emoji=emoji).expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "emoji"
    alice.put(path).expect(400, "VALIDATION_FAILED")
    assert alice.head(chat) == MESSAGE


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzFd", "WyJcdWQ4MDAiXQ==", "WyJcdTAwMDAiXQ==", "A" * 600])
def test_a_cursor_that_none_was_is_refused(people: People, cursor: str) -> None:
    """Not base64, not JSON, not one text, a lone surrogate, NUL, too long."""
    chat, (alice,) = a_chat(people)
    answer = alice.get(f"/conversations/{chat}/messages/{MESSAGE}/reactions", cursor=cursor)
    error = answer.expect(400, "VALIDATION_FAILED")["error"]
    assert error["details"][0]["path"] == "cursor"


def test_a_cursor_that_was_made_up_shows_nothing_else(people: People) -> None:
    chat, (alice,) = a_chat(people)
    alice.reacts(chat, MESSAGE, HEART)
    for made_up in ("", "~", "zz", "0" * 65, "#", "0#E"):
        cursor = base64.urlsafe_b64encode(json.dumps([made_up]).encode()).decode()
        for query in ({}, {"emoji": HEART}, {"emoji": THUMB}):
            page = alice.get(f"/conversations/{chat}/messages/{MESSAGE}/reactions", cursor=cursor, **query).expect(
                200
            )
            assert {each["participant_id"] for each in page["reactions"]} <= {alice.id}


def test_people_who_react_at_the_same_time_are_all_counted(people: People) -> None:
    everybody = people(*(f"p{number}" for number in range(12)))
    alice, *others = everybody
    chat = alice.creates("Chat", with_=others)
    alice.posts(chat, "vote")

    def react(person: Person) -> None:
        for _ in range(20):
            answer = person.put(f"/conversations/{chat}/messages/{MESSAGE}/reactions?emoji=%E2%9C%85")
            if answer.status == 204:
                return
            assert answer.body["error"]["code"] == "CONVERSATION_BUSY"
        raise AssertionError("busy for ever")

    at_once(*(functools.partial(react, each) for each in everybody))
    assert the_message(alice, chat)["reactions"] == [{"emoji": "✅", "count": 12}]
    assert {each["participant_id"] for each in alice.who_reacted(chat, MESSAGE, limit=5)} == {
        each.id for each in everybody
    }
