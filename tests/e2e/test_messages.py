"""Messages: by socket and by HTTP they are the same thing, and arrive as they were sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import People

TEXTS = {
    "emoji": "Family 👨‍👩‍👧‍👦, flag 🏳️‍🌈, skin 👍🏽",
    "right to left": "שלום \u202bעולם\u202c مرحبا",
    "combining characters, not normalised": "e\u0301 is not \u00e9, \ufb01 is not fi, Å is not Å",
    "white space at both ends": "  \t indented\r\n\n  twice \n",
    "beyond the basic plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd",
    "invisible characters": "zero\u200bwidth \ufeff\u2028\u00a0\u0085",
    "markup and quotes": '<b>"it\'s" & \\u00e9 \\n {{x}} ${y}</b>',
    "one character": "x",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_arrives_exactly_as_it_was_sent(people: People, text: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    bob.connects(chat)

    alice.says(chat, text)
    alice.posts(chat, text)

    for number in (2, 3):
        assert bob.hears_message(text)["sequence_id"] == number
    assert [event["content"] for event in bob.history(chat)] == [text, text]
    assert bob.lists()[0]["last_message"]["content"] == text


def test_a_message_by_http_and_one_by_socket_differ_in_nothing_but_their_ids(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    bob.connects(chat)
    fields: dict[str, Any] = {"mentions": [bob.id], "metadata": {"mood": ["good", 1, None]}}

    alice.says(chat, "hello", client_message_id="by-socket", **fields)
    alice.posts(chat, "hello", client_message_id="by-http", **fields)

    for each in (alice, bob):
        by_socket, by_http = each.hears_message("hello"), each.hears_message("hello")
        assert by_socket["client_message_id"] == "by-socket"
        assert by_http["client_message_id"] == "by-http"
        of_its_own = ("sequence_id", "message_id", "client_message_id", "created_at")
        assert _without(by_socket, of_its_own) == _without(by_http, of_its_own)
        assert by_socket["metadata"] == fields["metadata"]
        assert by_socket["mentions"] == [bob.id]


def test_the_sending_socket_hears_its_own_message_with_its_client_message_id(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.connects(chat)
    ack = alice.says(chat, "hello", client_message_id="mine")
    event = alice.hears_message("hello")
    assert {"client_message_id": "mine", "duplicate": False}.items() <= ack.items()
    for field in ("client_message_id", "message_id", "sequence_id", "created_at", "conversation_id"):
        assert event[field] == ack[field]


def test_a_message_may_be_sent_without_saying_hello_or_subscribing_first(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    bob.connects(chat)
    alice.says(chat, "unannounced")
    bob.hears_message("unannounced")
    bob.posts(chat, "answer")
    alice.hears_nothing(type="event")


def test_by_http_a_message_needs_no_client_message_id(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    first, second = alice.posts(chat, "the same"), alice.posts(chat, "the same")
    assert "client_message_id" not in first
    assert first["message_id"] != second["message_id"]
    assert [first["sequence_id"], second["sequence_id"]] == [2, 3]


def test_a_reply_names_an_earlier_message(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    question = alice.posts(chat, "How are you?")["sequence_id"]
    bob.says(chat, "Fine", reply_to=question)
    assert bob.hears_message("Fine")["reply_to"] == question
    assert alice.posts(chat, "Good", reply_to=question + 1)["reply_to"] == question + 1


@pytest.mark.parametrize("target", [1, 3, 2**53 - 1], ids=["no message", "itself", "far beyond the head"])
def test_a_reply_to_what_is_no_message_is_refused(people: People, target: int) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.connects(chat)
    alice.posts(chat, "the only message")
    by_socket = alice.socket.asks(
        "message", conversation_id=chat, client_message_id="a", content="reply", reply_to=target
    )
    body = {"content": "reply", "reply_to": target}
    by_http = alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    assert by_socket["code"] == "VALIDATION_FAILED"
    assert by_socket["details"] == by_http["error"]["details"]
    assert by_socket["details"][0]["path"] == "reply_to"
    assert alice.head(chat) == 2


def test_only_participants_can_be_mentioned(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    mentions = [bob.id, alice.id, carol.id]
    by_socket = alice.socket.asks(
        "message", conversation_id=chat, client_message_id="a", content="hello", mentions=mentions
    )
    body = {"content": "hello", "mentions": mentions}
    by_http = alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    assert by_socket["details"] == by_http["error"]["details"]
    assert by_socket["details"][0]["path"] == "mentions.2"
    assert alice.posts(chat, "hello", mentions=mentions[:2])["mentions"] == mentions[:2]


def test_a_sender_is_shown_by_the_name_of_their_token(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.post(
        "/conversations", {"title": " Chat ", "participants": [{"participant_id": bob.id, "name": " Robert "}]}
    ).expect(201)["conversation_id"]
    assert alice.sees(chat)["title"] == " Chat ", "neither trimmed nor normalised"
    assert {"participant_id": bob.id, "name": " Robert "}.items() <= alice.sees(chat)["participants"][1].items()
    assert bob.posts(chat, "hello")["sender"] == bob.reference


def test_an_agent_is_shown_as_one(people: People) -> None:
    alice, robot = people("alice", "robot")
    chat = alice.creates("Chat")
    added = alice.adds(chat, robot, type="agent")
    assert (added["type"], added["role"]) == ("agent", "member")
    alice.connects(chat)
    robot.posts(chat, "beep")
    assert alice.hears_message("beep")["sender"] == {**robot.reference, "type": "agent"}


def _without(event: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in fields}
