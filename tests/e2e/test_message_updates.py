"""Edits, deletions and reactions over both transports, in the event log and in the message history."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient

MESSAGE = 2
"""The sequence id of the first message of a conversation."""
HEART, THUMB = "❤️", "👍🏽"
FAMILY = "👨‍👩‍👧‍👦"

Change = Callable[[TestClient, str, str, dict[str, Any]], None]


def by_socket(person: TestClient, chat: str, command: str, fields: dict[str, Any]) -> None:
    person.update_message(command, chat, MESSAGE, **fields)


def by_http(person: TestClient, chat: str, command: str, fields: dict[str, Any]) -> None:
    match command:
        case "edit":
            person.edit_message(chat, MESSAGE, **fields)
        case "delete":
            person.delete_message(chat, MESSAGE)
        case "react":
            person.add_reaction(chat, MESSAGE, **fields)
        case _:
            person.remove_reaction(chat, MESSAGE, **fields)


WAYS = pytest.mark.parametrize("change", [by_socket, by_http], ids=["socket", "HTTP"])


def a_chat(clients: MakeClients, *others: str) -> tuple[str, list[TestClient]]:
    """Return a conversation with a message of Alice, to which all clients are subscribed."""
    alice, *rest = clients("alice", *others)
    chat = alice.create_conversation("Chat", members=rest)
    alice.post_message(chat, "hello", client_message_id="known", mentions=[alice.id], metadata={"mood": 1})
    for client in (alice, *rest):
        client.connect(chat)
    return chat, [alice, *rest]


def the_message(person: TestClient, chat: str) -> Any:
    """Return the message, and check that history, list and conversation agree on it."""
    (message,) = person.list_messages(chat)
    assert person.get_conversation(chat)["messages"] == [message] == person.list_messages(chat, after=0)
    assert (
        person.get_conversation(chat)["last_message"] == message == person.list_conversations()[0]["last_message"]
    )
    return message


@WAYS
def test_edit_appends_an_event_and_updates_the_message(clients: MakeClients, change: Change) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    sent = alice.list_events(chat)[1]

    change(alice, chat, "edit", {"content": "hello, Bob"})

    event = bob.expect_event("message_edited", target=MESSAGE, content="hello, Bob")
    assert event["sequence_id"] == 3
    assert event["sender"] == alice.actor
    message = the_message(bob, chat)
    assert message == {
        **sent,
        "content": "hello, Bob",
        "edited_at": event["created_at"],
        "version": 3,
    }
    assert bob.list_events(chat)[1:] == [sent, event], "the log tells it as it was"
    assert bob.sync(chat, 1)["events"] == [sent, event]


@WAYS
def test_edit_replaces_given_mentions_and_metadata(clients: MakeClients, change: Change) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    change(alice, chat, "edit", {"content": "hello", "mentions": [bob.id], "metadata": {"mood": 2}})
    event = bob.expect_event("message_edited", mentions=[bob.id], metadata={"mood": 2})
    message = the_message(bob, chat)
    assert (message["mentions"], message["metadata"]) == ([bob.id], {"mood": 2})
    change(alice, chat, "edit", {"content": "hello", "mentions": [], "metadata": {}})
    event = bob.expect_event("message_edited", sequence_id=event["sequence_id"] + 1)
    assert (event["mentions"], event["metadata"]) == ([], {})
    assert not {"mentions", "metadata"} & the_message(bob, chat).keys()


def test_no_op_edit_is_answered_with_the_previous_version(clients: MakeClients) -> None:
    chat, (alice,) = a_chat(clients)
    assert alice.update_message("edit", chat, MESSAGE, content="hello") == MESSAGE, "nothing was ever edited"
    assert alice.update_message("edit", chat, MESSAGE, content="hi") == 3
    assert alice.update_message("edit", chat, MESSAGE, content="hi", metadata={"mood": 1}) == 3
    assert alice.edit_message(chat, MESSAGE, "hi")["version"] == 3
    assert alice.update_message("edit", chat, MESSAGE, content="hi", metadata={"mood": True}) == 4, "True is no 1"
    assert alice.get_head(chat) == 4


@WAYS
def test_deleted_message_keeps_its_event_without_content(clients: MakeClients, change: Change) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    bob.post_message(chat, "reply", reply_to=MESSAGE)
    alice.edit_message(chat, MESSAGE, "a secret", metadata={"secret": 1})
    bob.add_reaction(chat, MESSAGE, HEART)

    change(alice, chat, "delete", {})

    event = bob.expect_event("message_deleted", target=MESSAGE)
    message, reply = bob.list_messages(chat)
    kept = {"conversation_id", "sequence_id", "type", "created_at", "sender", "message_id", "client_message_id"}
    assert message.keys() == kept | {"deleted_at"}
    assert message["deleted_at"] == event["created_at"]
    assert reply["reply_to"] == MESSAGE
    log = bob.list_events(chat)
    assert [logged["type"] for logged in log[1:]] == [
        "message",
        "message",
        "message_edited",
        "reaction_added",
        "message_deleted",
    ]
    assert log[1] == message
    assert log[3].keys() == kept - {"message_id", "client_message_id"} | {"target"}
    assert "secret" not in str(log)
    assert bob.list_reactions(chat, MESSAGE) == []
    bob.post_message(chat, "another reply", reply_to=MESSAGE)


def test_deleted_newest_message_stays_the_last_message(clients: MakeClients) -> None:
    chat, (alice,) = a_chat(clients)
    before = alice.list_conversations()[0]["unread_count"]
    alice.delete_message(chat, MESSAGE)
    assert "deleted_at" in the_message(alice, chat)
    assert alice.list_conversations()[0]["unread_count"] == before


def test_repeat_of_an_updated_or_deleted_message_is_answered_like_the_first(
    clients: MakeClients,
) -> None:
    chat, (alice,) = a_chat(clients)
    alice.edit_message(chat, MESSAGE, "changed")
    again = {"content": "hello", "client_message_id": "known"}
    assert alice.post(f"/conversations/{chat}/messages", again).expect(200)["sequence_id"] == MESSAGE
    alice.delete_message(chat, MESSAGE)
    answer = alice.post(f"/conversations/{chat}/messages", again).expect(200)
    assert (answer["sequence_id"], "content" in answer) == (MESSAGE, False)
    assert alice.send_message(chat, "hello", client_message_id="known")["duplicate"] is True
    assert alice.get_head(chat) == 4


@WAYS
def test_reactions_are_counted_and_listed(clients: MakeClients, change: Change) -> None:
    chat, (alice, bob, carol) = a_chat(clients, "bob", "carol")
    change(bob, chat, "react", {"emoji": HEART})
    change(carol, chat, "react", {"emoji": FAMILY})
    change(carol, chat, "react", {"emoji": HEART})
    change(bob, chat, "react", {"emoji": HEART})

    assert alice.expect_event("reaction_added", target=MESSAGE, emoji=HEART)["sender"] == bob.actor
    assert the_message(alice, chat)["reactions"] == [
        {"emoji": HEART, "count": 2, "mine": False},
        {"emoji": FAMILY, "count": 1, "mine": False},
    ]
    assert [reaction["mine"] for reaction in the_message(bob, chat)["reactions"]] == [True, False]
    assert [reaction["mine"] for reaction in the_message(carol, chat)["reactions"]] == [True, True]
    shown = alice.list_reactions(chat, MESSAGE, limit=1)
    assert sorted((frame["participant_id"], frame["emoji"], frame["sequence_id"]) for frame in shown) == sorted(
        [(bob.id, HEART, 3), (carol.id, FAMILY, 4), (carol.id, HEART, 5)]
    )
    hearts = alice.list_reactions(chat, MESSAGE, emoji=HEART)
    assert {heart["participant_id"] for heart in hearts} == {bob.id, carol.id}
    assert alice.list_reactions(chat, MESSAGE, emoji=HEART, limit=1) == hearts

    change(bob, chat, "unreact", {"emoji": HEART})
    change(bob, chat, "unreact", {"emoji": HEART})
    change(carol, chat, "unreact", {"emoji": FAMILY})
    assert alice.expect_event("reaction_removed", emoji=HEART)["sender"] == bob.actor
    assert the_message(alice, chat)["reactions"] == [{"emoji": HEART, "count": 1, "mine": False}]
    assert alice.get_head(chat) == 7


@WAYS
def test_variants_of_an_emoji_are_one_reaction(clients: MakeClients, change: Change) -> None:
    plain = HEART.removesuffix("\ufe0f")
    chat, (alice, bob, carol) = a_chat(clients, "bob", "carol")
    change(bob, chat, "react", {"emoji": plain})
    change(carol, chat, "react", {"emoji": HEART})
    change(bob, chat, "react", {"emoji": HEART})
    for person in (bob, carol):  # their pushes may arrive in any order
        alice.expect_event("reaction_added", target=MESSAGE, emoji=plain, sender=person.actor)
    assert the_message(alice, chat)["reactions"] == [{"emoji": plain, "count": 2, "mine": False}]
    assert len(alice.list_reactions(chat, MESSAGE, emoji=HEART)) == 2
    change(bob, chat, "unreact", {"emoji": HEART})
    assert alice.expect_event("reaction_removed", emoji=plain)["sender"] == bob.actor
    assert the_message(alice, chat)["reactions"] == [{"emoji": plain, "count": 1, "mine": False}]


def test_repeated_and_missing_reactions_are_no_ops(clients: MakeClients) -> None:
    chat, (alice,) = a_chat(clients)
    assert alice.update_message("react", chat, MESSAGE, emoji=HEART) == 3
    assert alice.update_message("react", chat, MESSAGE, emoji=THUMB) == 4
    assert alice.update_message("react", chat, MESSAGE, emoji=HEART) == 3
    assert alice.update_message("unreact", chat, MESSAGE, emoji=FAMILY) == 4, "the present head"
    assert alice.update_message("unreact", chat, MESSAGE, emoji=HEART) == 5
    assert alice.update_message("unreact", chat, MESSAGE, emoji=HEART) == 5
    assert alice.update_message("react", chat, MESSAGE, emoji=HEART) == 6


def refusal(person: TestClient, command: str, chat: str, target: int, **fields: Any) -> tuple[str, str]:
    """Return the code and path of an error, and check that both transports agree on it."""
    path = f"/conversations/{chat}/messages/{target}"
    frame = person.socket.request(command, conversation_id=chat, target=target, **fields)
    assert frame["type"] == "error", frame
    if "emoji" in fields:
        answer = person.put(f"{path}/reactions?emoji={quote(fields['emoji'])}")
    else:
        answer = person.patch(path, fields) if command == "edit" else person.delete(path)
    http = answer.body["error"]
    places = [detail["path"] for detail in frame.get("details", [{"path": ""}])]
    if http["code"] != "NOT_FOUND":
        assert (frame["code"], frame["message"]) == (http["code"], http["message"])
        assert frame.get("details") == http.get("details")
    return frame["code"], places[0]


def test_author_edits_and_author_or_moderator_deletes(clients: MakeClients) -> None:
    chat, (alice, bob, carol) = a_chat(clients, "bob", "carol")
    bob.post_message(chat, "of bob")
    carol.post_message(chat, "of carol")
    alice.set_role(chat, carol, "moderator")
    for client in (bob, carol):
        assert refusal(client, "edit", chat, MESSAGE, content="mine now") == ("FORBIDDEN", "")
    assert refusal(alice, "edit", chat, 3, content="mine now") == ("FORBIDDEN", "")
    assert refusal(bob, "delete", chat, MESSAGE) == ("FORBIDDEN", "")
    assert alice.get_head(chat) == 5
    carol.delete_message(chat, MESSAGE)
    carol.delete_message(chat, 3)
    alice.delete_message(chat, 4)
    assert all("deleted_at" in message for message in bob.list_messages(chat))


def test_deleted_message_cannot_be_edited_or_reacted_to(clients: MakeClients) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    bob.add_reaction(chat, MESSAGE, "a")
    alice.delete_message(chat, MESSAGE)
    head = alice.get_head(chat)
    assert refusal(alice, "edit", chat, MESSAGE, content="back") == ("VALIDATION_FAILED", "target")
    assert refusal(bob, "react", chat, MESSAGE, emoji="b") == ("VALIDATION_FAILED", "target")
    assert bob.update_message("unreact", chat, MESSAGE, emoji="a") == head, "it is not there any more"
    assert alice.update_message("delete", chat, MESSAGE) == head, "a repeat is answered like the first"
    alice.delete_message(chat, MESSAGE)
    assert alice.get_head(chat) == head


@pytest.mark.parametrize("target", [1, 3, 1000], ids=["another event", "another event", "beyond the head"])
def test_event_that_is_not_a_message_cannot_be_updated(clients: MakeClients, target: int) -> None:
    chat, (alice,) = a_chat(clients)
    alice.update_conversation(chat, title="Another")
    for command, fields in {"edit": {"content": "x"}, "delete": {}, "react": {"emoji": "a"}}.items():
        assert refusal(alice, command, chat, target, **fields) == ("VALIDATION_FAILED", "target")
    path = f"/conversations/{chat}/messages/{target}"
    alice.patch(path, {"content": "x"}).expect(404, "NOT_FOUND")
    alice.delete(path).expect(404, "NOT_FOUND")
    for method in ("GET", "PUT", "DELETE"):
        alice.request(method, f"{path}/reactions" + ("" if method == "GET" else "?emoji=a")).expect(
            404, "NOT_FOUND"
        )
    assert alice.get_head(chat) == 3


@pytest.mark.parametrize("number", ["0", "-1", "02", "1.0", "x", "%32%20", "9" * 17, "%00", "%D9%A2"])
def test_sequence_id_that_is_not_a_number_is_not_found(clients: MakeClients, number: str) -> None:
    chat, (alice,) = a_chat(clients)
    alice.patch(f"/conversations/{chat}/messages/{number}", {"content": "x"}).expect(404, "NOT_FOUND")
    alice.get(f"/conversations/{chat}/messages/{number}/reactions").expect(404, "NOT_FOUND")


def test_edit_mentions_members_or_previously_mentioned_users_only(clients: MakeClients) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    alice.edit_message(chat, MESSAGE, "hello", mentions=[bob.id])
    bob.leave(chat)
    alice.edit_message(chat, MESSAGE, "farewell", mentions=[bob.id, alice.id])
    assert refusal(alice, "edit", chat, MESSAGE, content="x", mentions=[alice.id, "nobody"]) == (
        "VALIDATION_FAILED",
        "mentions.1",
    )


def test_message_is_limited_to_twenty_emoji_and_fifty_edits(clients: MakeClients) -> None:
    chat, (alice, bob) = a_chat(clients, "bob")
    emoji = [chr(0x1F600 + number) for number in range(21)]
    for reaction in emoji[:20]:
        alice.add_reaction(chat, MESSAGE, reaction)
    assert refusal(alice, "react", chat, MESSAGE, emoji=emoji[20]) == ("VALIDATION_FAILED", "emoji")
    bob.add_reaction(chat, MESSAGE, emoji[0])
    alice.remove_reaction(chat, MESSAGE, emoji[5])
    alice.add_reaction(chat, MESSAGE, emoji[20])
    assert len(the_message(bob, chat)["reactions"]) == 20

    for number in range(50):
        alice.edit_message(chat, MESSAGE, f"version {number}")
    assert refusal(alice, "edit", chat, MESSAGE, content="one too many") == ("VALIDATION_FAILED", "target")
    assert the_message(bob, chat)["content"] == "version 49"
    assert alice.edit_message(chat, MESSAGE, "version 49")["content"] == "version 49", "a repeat is no edit"
    alice.delete_message(chat, MESSAGE)
    assert "version" not in str(alice.list_events(chat))


@pytest.mark.parametrize("emoji", ["", " ", "ab", "👍👍", "\u200d", "a" + "\u0301" * 32], ids=ascii)
def test_reaction_must_be_one_character(clients: MakeClients, emoji: str) -> None:
    chat, (alice,) = a_chat(clients)
    for command in ("react", "unreact"):
        answer = alice.socket.request(command, conversation_id=chat, target=MESSAGE, emoji=emoji)
        assert (answer["code"], answer["details"][0]["path"]) == ("VALIDATION_FAILED", "emoji")
    path = f"/conversations/{chat}/messages/{MESSAGE}/reactions"
    for method in ("delete", "get"):
        error = getattr(alice, method)(path, emoji=emoji).expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "emoji"
    alice.put(path).expect(400, "VALIDATION_FAILED")
    assert alice.get_head(chat) == MESSAGE


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzFd", "WyJcdWQ4MDAiXQ==", "WyJcdTAwMDAiXQ==", "A" * 600])
def test_invalid_reaction_cursor_is_rejected(clients: MakeClients, cursor: str) -> None:
    """Not base64, not JSON, not one text, a lone surrogate, NUL, too long."""
    chat, (alice,) = a_chat(clients)
    answer = alice.get(f"/conversations/{chat}/messages/{MESSAGE}/reactions", cursor=cursor)
    error = answer.expect(400, "VALIDATION_FAILED")["error"]
    assert error["details"][0]["path"] == "cursor"


def test_forged_reaction_cursor_reveals_nothing(clients: MakeClients) -> None:
    chat, (alice,) = a_chat(clients)
    alice.add_reaction(chat, MESSAGE, HEART)
    for made_up in ("", "zz", "0" * 65, "#", "0#E"):
        cursor = base64.urlsafe_b64encode(json.dumps([made_up]).encode()).decode()
        for query in ({}, {"emoji": HEART}, {"emoji": THUMB}):
            page = alice.get(f"/conversations/{chat}/messages/{MESSAGE}/reactions", cursor=cursor, **query).expect(
                200
            )
            assert {reaction["participant_id"] for reaction in page["reactions"]} <= {alice.id}


def test_concurrent_reactions_are_all_counted(clients: MakeClients) -> None:
    everybody = clients(*(f"p{number}" for number in range(12)))
    alice, *others = everybody
    chat = alice.create_conversation("Chat", members=others)
    alice.post_message(chat, "vote")

    def react(person: TestClient) -> None:
        for _ in range(20):
            answer = person.put(f"/conversations/{chat}/messages/{MESSAGE}/reactions?emoji=%E2%9C%85")
            if answer.status == 204:
                return
            assert answer.body["error"]["code"] == "CONVERSATION_BUSY"
        raise AssertionError("busy for ever")

    run_concurrently(*(functools.partial(react, client) for client in everybody))
    assert the_message(alice, chat)["reactions"] == [{"emoji": "✅", "count": 12, "mine": True}]
    assert {reaction["participant_id"] for reaction in alice.list_reactions(chat, MESSAGE, limit=5)} == {
        client.id for client in everybody
    }
