"""Read pointers and unread counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient


def test_unread_count_counts_messages_only(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    assert _unread(bob, chat) == (1, 0)
    alice.post_message(chat, "one")
    alice.update_conversation(chat, title="Other")
    alice.post_message(chat, "two")
    assert _unread(bob, chat) == (1, 2)
    assert _reads(bob, chat, 2) == {"read_up_to": 2, "unread_count": 1}
    assert _reads(bob, chat, 3) == {"read_up_to": 3, "unread_count": 1}
    assert _reads(bob, chat, 4) == {"read_up_to": 4, "unread_count": 0}
    assert _unread(bob, chat) == (4, 0)


def test_read_pointer_never_moves_back(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for content in ("one", "two", "three"):
        alice.post_message(chat, content)
    bob.connect(chat)
    assert _reads(bob, chat, 3)["read_up_to"] == 3
    for earlier in (0, 1, 2, 3):
        assert _reads(bob, chat, earlier) == {"read_up_to": 3, "unread_count": 1}
        assert bob.mark_read(chat, earlier)["read_up_to"] == 3
    bob.expect_frame(type="read", sequence_id=3)
    bob.expect_no_frame(type="read")


def test_read_pointer_beyond_the_head_is_rejected(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect()
    bob.put(f"/conversations/{chat}/read", {"sequence_id": 2}).expect(400, "VALIDATION_FAILED")
    assert bob.socket.request("read", conversation_id=chat, sequence_id=2)["code"] == "VALIDATION_FAILED"
    assert _unread(bob, chat) == (1, 0)


def test_message_directly_after_the_read_pointer_moves_it(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    alice.post_message(chat, "two")
    assert _unread(alice, chat) == (3, 0)
    _reads(bob, chat, 3)
    bob.post_message(chat, "three")
    assert _unread(bob, chat) == (4, 0)
    assert _unread(alice, chat) == (3, 1)


@pytest.mark.parametrize("by", ["socket", "http", "batch"])
def test_flushed_outbox_leaves_unseen_messages_unread(clients: MakeClients, by: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for number in range(5):
        alice.post_message(chat, f"news {number}")
    _sends_two(bob, chat, by)
    assert _unread(bob, chat) == (1, 5)
    assert _unread(alice, chat) == (6, 2)
    assert _reads(bob, chat, 4) == {"read_up_to": 4, "unread_count": 2}
    assert _reads(bob, chat, 7) == {"read_up_to": 7, "unread_count": 0}
    assert _unread(bob, chat) == (7, 0)
    bob.post_message(chat, "again")
    assert _unread(bob, chat) == (7, 0), "the event directly before it is an own one that the pointer is not at"


@pytest.mark.parametrize("by", ["socket", "http", "batch"])
def test_message_moves_the_pointer_if_its_sender_has_seen_the_event_before_it(
    clients: MakeClients, by: str
) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for number in range(5):
        alice.post_message(chat, f"news {number}")
    alice.connect(chat)
    other = bob.connect()
    other.discard_frames()
    _sends_two(bob, chat, by, seen=6)
    assert _unread(bob, chat) == (8, 0), "the second message is directly after the first"
    push = {"type": "read", "conversation_id": chat, "participant_id": bob.id}
    assert alice.expect_frame(type="read")["sequence_id"] == (8 if by == "batch" else 7)
    assert other.expect_frame(type="read").items() >= push.items()


def test_message_whose_sender_has_seen_less_leaves_the_pointer(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    alice.post_message(chat, "two")
    bob.connect()
    bob.send_message(chat, "three", seen=2)
    assert _unread(bob, chat) == (1, 2)


def test_seen_beyond_the_head_is_rejected(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect()
    body = {"content": "text", "seen": 2}
    refused = bob.post(f"/conversations/{chat}/messages", body).expect(400, "VALIDATION_FAILED")
    assert refused["error"]["details"][0]["path"] == "seen"
    message = {**body, "conversation_id": chat, "client_message_id": "a"}
    assert bob.socket.request("message", **message)["code"] == "VALIDATION_FAILED"
    (result,) = bob.socket.request("batch", commands=[{"type": "message", **message}])["results"]
    assert result["code"] == "VALIDATION_FAILED"
    assert alice.get_head(chat) == 1


def test_second_message_of_a_batch_can_have_seen_the_first(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "news")
    bob.connect()
    batch = [
        {"type": "message", "conversation_id": chat, "client_message_id": "a", "content": "one"},
        {"type": "message", "conversation_id": chat, "client_message_id": "b", "content": "two", "seen": 3},
    ]
    results = bob.socket.request("batch", commands=batch)["results"]
    assert [result["sequence_id"] for result in results] == [3, 4]
    assert _unread(bob, chat) == (4, 0)


def test_repeat_of_a_message_does_not_move_the_pointer(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    bob.post_message(chat, "two", client_message_id="a")
    assert _unread(bob, chat) == (1, 1)
    repeat = {"content": "two", "client_message_id": "a", "seen": 3}
    bob.post(f"/conversations/{chat}/messages", repeat).expect(200)
    assert _unread(bob, chat) == (1, 1)


def test_unread_counts_are_in_snapshots_and_in_the_push_to_new_members(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    alice.post_message(chat, "two")
    bob.post_message(chat, "three")
    bob.connect()
    expected = {"read_up_to": 1, "unread_count": 2}
    for command, fields in (("subscribe", {}), ("sync", {"after": 3})):
        frame = bob.socket.request(command, conversation_id=chat, **fields)
        assert {name: frame[name] for name in expected} == expected
    bob.leave(chat)
    alice.post_message(chat, "four")
    bob.socket.discard_frames()
    alice.add_participant(chat, bob)
    bob.join(chat)
    added = bob.expect_frame(type="conversation_added")["conversation"]
    assert (added["read_up_to"], added["unread_count"]) == (1, 3)
    assert _unread(bob, chat) == (1, 3)


def test_deleted_message_stays_unread(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    alice.post_message(chat, "two")
    alice.delete(f"/conversations/{chat}/messages/2").expect(204)
    assert _unread(bob, chat) == (1, 2)
    assert _reads(bob, chat, 2) == {"read_up_to": 2, "unread_count": 1}


def test_deleted_own_message_does_not_become_unread(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    bob.post_message(chat, "two")
    bob.delete(f"/conversations/{chat}/messages/3").expect(204)
    assert _unread(bob, chat) == (1, 1)


def test_new_member_starts_at_the_head(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", join_policy="open")
    alice.post_message(chat, "one")
    view = bob.join(chat)
    assert (view["read_up_to"], view["unread_count"]) == (3, 0)
    alice.add_participant(chat, carol)
    assert _unread(carol, chat) == (4, 0)
    alice.post_message(chat, "two")
    assert _unread(bob, chat) == (3, 1)


def test_read_pointer_is_pushed_over_both_transports(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    bob.connect(chat)
    for content in ("one", "two"):
        alice.post_message(chat, content)

    ack = bob.mark_read(chat, 2)
    history_id = ack["history_id"]
    push = {"type": "read", "conversation_id": chat, "participant_id": bob.id, "history_id": history_id}
    assert (ack["read_up_to"], ack["unread_count"]) == (2, 1)
    assert alice.expect_frame(type="read") == {**push, "sequence_id": 2}
    bob.expect_no_frame(type="read")

    assert _reads(bob, chat, 3) == {"read_up_to": 3, "unread_count": 0}
    assert alice.expect_frame(type="read") == {**push, "sequence_id": 3}
    counts = {"head": 3, "read_up_to": 3, "message_count": 2, "unread_count": 0}
    assert bob.expect_frame(type="read") == {**push, "sequence_id": 3, **counts}, "the reader's own devices"


def test_read_pointer_is_pushed_once_to_each_connection_of_the_reader(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    inbox, other, active = bob.connect(), bob.connect(chat), bob.connect(chat)

    history_id = bob.mark_read(chat, 1)["history_id"]  # the pointer is there
    push = {"type": "read", "conversation_id": chat, "participant_id": bob.id, "history_id": history_id}
    bob.mark_read(chat, 2)
    for connection in (inbox, other):
        counts = {"head": 2, "read_up_to": 2, "message_count": 1, "unread_count": 0}
        assert connection.expect_frame(type="read") == {**push, "sequence_id": 2, **counts}
        connection.expect_no_frame(type="read")
    active.expect_no_frame(type="read")


def test_read_pointers_of_all_participants_are_shown_after_a_reload(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.post_message(chat, "one")
    alice.post_message(chat, "two")
    _reads(bob, chat, 2)
    expected = {alice.id: 3, bob.id: 2, carol.id: 1}

    def shown(participants: Any) -> dict[str, int]:
        return {participant["participant_id"]: participant["read_up_to"] for participant in participants}

    carol.connect()
    assert shown(carol.get_conversation(chat)["participants"]) == expected
    assert shown(carol.socket.request("subscribe", conversation_id=chat)["participants"]) == expected
    _reads(bob, chat, 3)
    assert shown(carol.socket.request("sync", conversation_id=chat, after=1)["participants"]) == {
        **expected,
        bob.id: 3,
    }


@pytest.mark.parametrize("leaving", ["leaves", "is removed"])
def test_read_pointer_survives_leaving_and_returning(clients: MakeClients, leaving: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "one")
    _reads(bob, chat, 2)
    alice.post_message(chat, "two")
    if leaving == "leaves":
        bob.leave(chat)
    else:
        alice.remove_participant(chat, bob)
    alice.post_message(chat, "three")
    alice.add_participant(chat, bob)
    bob.join(chat)
    assert _unread(bob, chat) == (2, 2)


def _unread(person: TestClient, conversation: str) -> tuple[int, int]:
    """Return pointer and unread count, and check that conversation and list agree on them."""
    view = person.get_conversation(conversation)
    (listed,) = [entry for entry in person.list_conversations() if entry["conversation_id"] == conversation]
    for field in ("read_up_to", "unread_count", "head"):
        assert view[field] == listed[field]
    return view["read_up_to"], view["unread_count"]


def _sends_two(person: TestClient, conversation: str, by: str, **fields: Any) -> None:
    """Send two messages, of which the first has these fields."""
    bodies = [{"content": "old", **fields}, {"content": "old as well"}]
    if by == "http":
        for body in bodies:
            person.post(f"/conversations/{conversation}/messages", body).expect(201)
        return
    socket = person.connect()
    messages = [
        {"conversation_id": conversation, "client_message_id": f"c-{number}", **body}
        for number, body in enumerate(bodies)
    ]
    if by == "batch":
        socket.request("batch", commands=[{"type": "message", **message} for message in messages])
    else:
        for message in messages:
            assert socket.request("message", **message)["type"] == "message_ack"


def _reads(person: TestClient, conversation: str, sequence_id: int) -> Any:
    return person.put(f"/conversations/{conversation}/read", {"sequence_id": sequence_id}).expect(200)
