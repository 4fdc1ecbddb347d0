"""Messages: the same over both transports, and delivered unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import MakeClients

TEXTS = {
    "emoji": "Family 👨‍👩‍👧‍👦, flag 🏳️‍🌈, skin 👍🏽",
    "right to left": "שלום \u202bעולם\u202c مرحبا",
    "combining characters, not normalised": "e\u0301 is not \u00e9, \ufb01 is not fi, Å is not Å",
    "white space at both ends": "  \t indented\r\n\n  twice \n",
    "beyond the basic plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd",
    "invisible characters": "zero\u200bwidth \ufeff\u2028\u00a0",
    "markup and quotes": '<b>"it\'s" & \\u00e9 \\n {{x}} ${y}</b>',
    "one character": "x",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_is_delivered_unchanged(clients: MakeClients, text: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)

    alice.send_message(chat, text)
    alice.post_message(chat, text)

    for number in (2, 3):  # their pushes may arrive in any order
        bob.expect_message(text, sequence_id=number)
    assert [event["content"] for event in bob.list_messages(chat)] == [text, text]
    assert bob.list_conversations()[0]["last_message"]["content"] == text


def test_http_and_socket_messages_differ_only_in_their_ids(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    bob.connect(chat)
    fields: dict[str, Any] = {"mentions": [bob.id], "metadata": {"mood": ["good", 1, None]}}

    alice.send_message(chat, "hello", client_message_id="by-socket", **fields)
    alice.post_message(chat, "hello", client_message_id="by-http", **fields)

    for client in (alice, bob):
        by_socket, by_http = (
            client.expect_message("hello", client_message_id=sent) for sent in ("by-socket", "by-http")
        )
        of_its_own = ("sequence_id", "message_id", "client_message_id", "created_at")
        assert _without(by_socket, of_its_own) == _without(by_http, of_its_own)
        assert by_socket["metadata"] == fields["metadata"]
        assert by_socket["mentions"] == [bob.id]


def test_sending_connection_receives_its_own_message(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect(chat)
    ack = alice.send_message(chat, "hello", client_message_id="mine")
    event = alice.expect_message("hello")
    assert {"client_message_id": "mine", "duplicate": False}.items() <= ack.items()
    for field in ("client_message_id", "message_id", "sequence_id", "created_at", "conversation_id"):
        assert event[field] == ack[field]


def test_message_can_be_sent_without_hello_or_subscription(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)
    alice.send_message(chat, "unannounced")
    bob.expect_message("unannounced")
    bob.post_message(chat, "answer")
    alice.expect_no_frame(type="event")


def test_http_message_needs_no_client_message_id(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    first, second = alice.post_message(chat, "the same"), alice.post_message(chat, "the same")
    assert "client_message_id" not in first
    assert first["message_id"] != second["message_id"]
    assert [first["sequence_id"], second["sequence_id"]] == [2, 3]


def test_reply_refers_to_an_earlier_message(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    question = alice.post_message(chat, "How are you?")["sequence_id"]
    bob.send_message(chat, "Fine", reply_to=question)
    assert bob.expect_message("Fine")["reply_to"] == question
    assert alice.post_message(chat, "Good", reply_to=question + 1)["reply_to"] == question + 1


@pytest.mark.parametrize("target", [1, 3, 2**53 - 1], ids=["no message", "itself", "far beyond the head"])
def test_reply_to_an_event_that_is_not_a_message_is_rejected(clients: MakeClients, target: int) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect(chat)
    alice.post_message(chat, "the only message")
    by_socket = alice.socket.request(
        "message", conversation_id=chat, client_message_id="a", content="reply", reply_to=target
    )
    body = {"content": "reply", "reply_to": target}
    by_http = alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    assert by_socket["code"] == "VALIDATION_FAILED"
    assert by_socket["details"] == by_http["error"]["details"]
    assert by_socket["details"][0]["path"] == "reply_to"
    assert alice.get_head(chat) == 2


def test_mention_of_a_non_member_is_rejected(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    mentions = [bob.id, alice.id, carol.id]
    by_socket = alice.socket.request(
        "message", conversation_id=chat, client_message_id="a", content="hello", mentions=mentions
    )
    body = {"content": "hello", "mentions": mentions}
    by_http = alice.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    assert by_socket["details"] == by_http["error"]["details"]
    assert by_socket["details"][0]["path"] == "mentions.2"
    assert alice.post_message(chat, "hello", mentions=mentions[:2])["mentions"] == mentions[:2]


def test_sender_has_the_name_of_the_token(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.post(
        "/conversations", {"title": " Chat ", "participants": [{"participant_id": bob.id, "name": " Robert "}]}
    ).expect(201)["conversation_id"]
    assert alice.get_conversation(chat)["title"] == " Chat ", "neither trimmed nor normalised"
    assert {"participant_id": bob.id, "name": " Robert "}.items() <= alice.get_conversation(chat)["participants"][
        1
    ].items()
    assert bob.post_message(chat, "hello")["sender"] == bob.actor


def test_adder_cannot_choose_the_type_of_a_participant(clients: MakeClients) -> None:
    alice, robot = clients("alice", "robot")
    chat = alice.create_conversation("Chat")
    named = {"participant_id": robot.id, "name": robot.name, "type": "agent"}
    alice.post(f"/conversations/{chat}/participants", named).expect(400, "VALIDATION_FAILED")
    alice.post("/conversations", {"title": "Chat", "participants": [named]}).expect(400, "VALIDATION_FAILED")
    assert alice.add_participant(chat, robot)["type"] == "human"


def _without(event: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in fields}
