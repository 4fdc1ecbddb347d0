"""Scenarios whose pushes count one by one; those of users are in `test_users.py`."""

from __future__ import annotations

from threading import Event, Thread

from tests.e2e.conftest import MakeClients


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
