"""Whole scenarios, from creation to deletion."""

from __future__ import annotations

from functools import partial
from threading import Event, Thread

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient


def test_conversation_with_one_member(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    diary = alice.create_conversation("Diary")
    alice.connect(diary)

    sent = alice.send_message(diary, "Dear diary")
    received = alice.expect_message("Dear diary")
    assert received["sequence_id"] == sent["sequence_id"] == 2
    assert received["message_id"] == sent["message_id"]
    assert received["sender"] == alice.actor

    written = alice.post_message(diary, "It rains")
    assert alice.expect_message("It rains") == written
    assert alice.list_messages(diary) == [received, written]
    assert alice.leave(diary) == 0
    assert alice.list_conversations() == []


def test_conversation_with_three_members(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    trip = alice.create_conversation("Trip", members=[bob, carol])
    for client in (alice, bob, carol):
        client.connect(trip)

    alice.send_message(trip, "Where to?")
    bob.send_message(trip, "North")
    carol.post_message(trip, "South")

    for client in (alice, bob, carol):
        received = [client.expect_message(content) for content in ("Where to?", "North", "South")]
        assert [event["sequence_id"] for event in received] == [2, 3, 4]
        assert [event["sender"] for event in received] == [alice.actor, bob.actor, carol.actor]
        assert client.list_events(trip)[1:] == received


def test_message_during_a_join_is_in_the_snapshot_or_pushed(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    talk = alice.create_conversation("Talk", join_policy="open")
    alice.connect()
    came, stop = Event(), Event()
    sent: list[int] = []

    def keep_talking() -> None:
        while not stop.is_set() and len(sent) < 90:
            sent.append(alice.send_message(talk, f"word {len(sent)}")["sequence_id"])
            if len(sent) == 30:
                came.wait()

    talking = Thread(target=keep_talking)
    talking.start()
    try:
        bob.connect()
        while (answer := bob.post(f"/conversations/{talk}/join", {})).status == 503:
            assert answer.body["error"]["code"] == "CONVERSATION_BUSY", "somebody slow may lose to the talk"
        answer.expect(200)
        came.set()
        snapshot = bob.subscribe(talk)
        bob.expect_frame(type="event", event={"sequence_id": snapshot["head"] + 5})
    finally:
        stop.set()
        came.set()
        talking.join()

    assert 1 < snapshot["head"] < sent[-1]
    assert [event["sequence_id"] for event in snapshot["events"]] == list(
        range(snapshot["first_sequence_id"], snapshot["head"] + 1)
    )
    for number in {*range(snapshot["head"] + 1, sent[-1] + 1)} - {snapshot["head"] + 5}:
        bob.expect_frame(type="event", event={"sequence_id": number})


def test_returning_member_finds_the_whole_log(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    club = alice.create_conversation("Club", members=[bob], join_policy="open")
    alice.connect(club)
    bob.connect(club)
    alice.post_message(club, "first")
    bob.mark_read(club, 2)

    assert bob.leave(club) == 1
    assert bob.expect_frame(type="conversation_removed")["reason"] == "left"
    bob.socket.discard_frames()
    alice.post_message(club, "while bob is away")
    bob.expect_no_frame()
    bob.get(f"/conversations/{club}").expect(404, "NOT_FOUND")
    assert bob.socket.request("sync", conversation_id=club, after=0)["code"] == "NOT_FOUND"
    assert bob.list_conversations() == []

    view = bob.join(club)
    assert view["read_up_to"] == 2
    assert view["unread_count"] == 1
    assert bob.expect_frame(type="conversation_added")["conversation"]["conversation_id"] == club
    kinds = [event["type"] for event in bob.list_events(club)]
    assert kinds == ["conversation_created", "message", "participant_left", "message", "participant_joined"]
    bob.subscribe(club)
    alice.send_message(club, "welcome back")
    bob.expect_message("welcome back", sequence_id=6)


def test_ten_members_receive_the_same_order(clients: MakeClients) -> None:
    everybody = clients(*(f"person{number}" for number in range(10)))
    first, *others = everybody
    party = first.create_conversation("Party", members=others)
    for client in everybody:
        client.connect(party)

    run_concurrently(*(partial(_say_three_things, client, party) for client in everybody))

    log = first.list_events(party)
    assert [event["sequence_id"] for event in log] == list(range(1, 32))
    for client in everybody:
        received = {n: client.expect_frame(type="event", event={"sequence_id": n})["event"] for n in range(2, 32)}
        assert list(received.values()) == log[1:]
    for client in everybody:
        mine = [event["content"] for event in log[1:] if event["sender"] == client.actor]
        assert sorted(mine) == [f"{client.name} says {number}" for number in range(3)]


def test_own_entry_among_the_participants_is_ignored(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    own = {"participant_id": alice.id, "name": "Another name", "role": "member"}
    other = {"participant_id": bob.id, "name": bob.name}
    for participants in ([own], [own, other], [other, own]):
        view = alice.post("/conversations", {"title": "Chat", "participants": participants}).expect(201)
        roster = {entry["participant_id"]: (entry["name"], entry["role"]) for entry in view["participants"]}
        assert roster[alice.id] == (alice.name, "owner")
        assert (
            len(view["participants"])
            == view["participant_count"]
            == len({alice.id} | {entry["participant_id"] for entry in participants})
        )


def test_conversation_from_creation_to_deletion(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    for client in (alice, bob, carol):
        client.connect()

    life = alice.create_conversation("Life", members=[bob], metadata={"colour": "green"})
    assert bob.expect_frame(type="conversation_added")["conversation"]["title"] == "Life"
    assert alice.expect_frame(type="conversation_added")["conversation"]["metadata"] == {"colour": "green"}
    for client in (alice, bob):
        client.subscribe(life)

    bob.send_message(life, "hello")
    alice.update_conversation(life, title="The good life", join_policy="open")
    carol.join(life)
    carol.subscribe(life)
    alice.set_role(life, carol, "moderator")
    carol.post_message(life, "I am here to moderate")
    carol.remove_participant(life, bob)
    assert bob.expect_frame(type="conversation_removed", conversation_id=life)["reason"] == "removed"
    kinds = [
        "conversation_created",
        "message",
        "conversation_updated",
        "participant_joined",
        "participant_updated",
        "message",
        "participant_left",
    ]
    assert [event["type"] for event in alice.list_events(life)] == kinds
    for kind in kinds[1:]:
        alice.expect_event(kind)

    alice.delete_conversation(life)
    for client in (alice, carol):
        client.expect_frame(type="conversation_deleted", conversation_id=life)
    bob.expect_no_frame(type="conversation_deleted")
    for client in (alice, bob, carol):
        client.get(f"/conversations/{life}").expect(404, "NOT_FOUND")
        assert client.socket.request("subscribe", conversation_id=life)["code"] == "NOT_FOUND"
        assert client.list_conversations() == []
    alice.delete(f"/conversations/{life}").expect(404, "NOT_FOUND")


def test_two_connections_of_one_participant(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)

    phone = alice.connect(chat)
    assert bob.expect_frame(type="presence")["online"] is True
    laptop = alice.connect(chat)
    bob.expect_no_frame(type="presence")

    sent = alice.send_message(chat, "from my laptop")
    for device in (phone, laptop):
        event = device.expect_frame(type="event", event={"sequence_id": sent["sequence_id"]})["event"]
        assert event["sender"] == alice.actor
    bob.post_message(chat, "read this")
    for device in (phone, laptop):
        device.expect_frame(type="event", event={"content": "read this"})
    alice.mark_read(chat, 3)
    assert phone.expect_frame(type="read") == {
        "type": "read",
        "conversation_id": chat,
        "participant_id": alice.id,
        "sequence_id": 3,
        "history_id": sent["history_id"],
        "head": 3,
        "message_count": 2,
        "read_up_to": 3,
        "unread_count": 0,
    }
    laptop.expect_no_frame(type="read")

    laptop.close()
    bob.post_message(chat, "still there?")
    phone.expect_frame(type="event", event={"content": "still there?"})
    bob.expect_no_frame(type="presence")
    phone.close()
    assert bob.expect_frame(type="presence")["online"] is False


def _say_three_things(person: TestClient, conversation: str) -> None:
    for number in range(3):
        person.send_message(conversation, f"{person.name} says {number}")
