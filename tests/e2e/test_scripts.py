"""What people do with a chat, from the first word to the last."""

from __future__ import annotations

from functools import partial
from threading import Event, Thread

from tests.e2e.conftest import People
from tests.e2e.together import at_once
from tests.support.client import Person


def test_one_person_talks_to_themselves(people: People) -> None:
    (alice,) = people("alice")
    diary = alice.creates("Diary")
    alice.connects(diary)

    said = alice.says(diary, "Dear diary")
    heard = alice.hears_message("Dear diary")
    assert heard["sequence_id"] == said["sequence_id"] == 2
    assert heard["message_id"] == said["message_id"]
    assert heard["sender"] == alice.reference

    written = alice.posts(diary, "It rains")
    assert alice.hears_message("It rains") == written
    assert alice.history(diary) == [heard, written]
    assert alice.leaves(diary) == 0
    assert alice.lists() == []


def test_three_people_talk(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    trip = alice.creates("Trip", with_=[bob, carol])
    for each in (alice, bob, carol):
        each.connects(trip)

    alice.says(trip, "Where to?")
    bob.says(trip, "North")
    carol.posts(trip, "South")

    for each in (alice, bob, carol):
        heard = [each.hears_message(content) for content in ("Where to?", "North", "South")]
        assert [event["sequence_id"] for event in heard] == [2, 3, 4]
        assert [event["sender"] for event in heard] == [alice.reference, bob.reference, carol.reference]
        assert each.log(trip)[1:] == heard


def test_what_is_said_while_somebody_joins_reaches_them_by_the_snapshot_or_by_a_push(people: People) -> None:
    alice, bob = people("alice", "bob")
    talk = alice.creates("Talk", join_policy="open")
    alice.connects()
    came, stop = Event(), Event()
    said: list[int] = []

    def keep_talking() -> None:
        while not stop.is_set() and len(said) < 90:
            said.append(alice.says(talk, f"word {len(said)}")["sequence_id"])
            if len(said) == 30:
                came.wait()

    talking = Thread(target=keep_talking)
    talking.start()
    try:
        bob.connects()
        while (answer := bob.post(f"/conversations/{talk}/join", {})).status == 503:
            assert answer.body["error"]["code"] == "CONVERSATION_BUSY", "somebody slow may lose to the talk"
        answer.expect(200)
        came.set()
        snapshot = bob.subscribes(talk)
        bob.hears(type="event", event={"sequence_id": snapshot["head"] + 5})
    finally:
        stop.set()
        came.set()
        talking.join()

    assert 1 < snapshot["head"] < said[-1]
    assert [event["sequence_id"] for event in snapshot["events"]] == list(
        range(snapshot["first_sequence_id"], snapshot["head"] + 1)
    )
    for number in {*range(snapshot["head"] + 1, said[-1] + 1)} - {snapshot["head"] + 5}:
        bob.hears(type="event", event={"sequence_id": number})


def test_who_leaves_hears_nothing_and_finds_everything_when_they_return(people: People) -> None:
    alice, bob = people("alice", "bob")
    club = alice.creates("Club", with_=[bob], join_policy="open")
    alice.connects(club)
    bob.connects(club)
    alice.posts(club, "first")
    bob.reads(club, 2)

    assert bob.leaves(club) == 1
    assert bob.hears(type="conversation_removed")["reason"] == "left"
    bob.socket.forgets()
    alice.posts(club, "while bob is away")
    bob.hears_nothing()
    bob.get(f"/conversations/{club}").expect(404, "NOT_FOUND")
    assert bob.socket.asks("sync", conversation_id=club, after=0)["code"] == "NOT_FOUND"
    assert bob.lists() == []

    view = bob.joins(club)
    assert view["read_up_to"] == 2
    assert view["unread_count"] == 1
    assert bob.hears(type="conversation_added")["conversation"]["conversation_id"] == club
    kinds = [event["type"] for event in bob.log(club)]
    assert kinds == ["conversation_created", "message", "participant_left", "message", "participant_joined"]
    bob.subscribes(club)
    alice.says(club, "welcome back")
    bob.hears_message("welcome back", sequence_id=6)


def test_ten_people_all_hear_the_same_in_the_same_order(people: People) -> None:
    everybody = people(*(f"person{number}" for number in range(10)))
    first, *others = everybody
    party = first.creates("Party", with_=others)
    for each in everybody:
        each.connects(party)

    at_once(*(partial(_say_three_things, each, party) for each in everybody))

    log = first.log(party)
    assert [event["sequence_id"] for event in log] == list(range(1, 32))
    for each in everybody:
        heard = {n: each.hears(type="event", event={"sequence_id": n})["event"] for n in range(2, 32)}
        assert list(heard.values()) == log[1:]
    for each in everybody:
        mine = [event["content"] for event in log[1:] if event["sender"] == each.reference]
        assert sorted(mine) == [f"{each.name} says {number}" for number in range(3)]


def test_a_conversation_from_beginning_to_end(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    for each in (alice, bob, carol):
        each.connects()

    life = alice.creates("Life", with_=[bob], metadata={"colour": "green"})
    assert bob.hears(type="conversation_added")["conversation"]["title"] == "Life"
    assert alice.hears(type="conversation_added")["conversation"]["metadata"] == {"colour": "green"}
    for each in (alice, bob):
        each.subscribes(life)

    bob.says(life, "hello")
    alice.changes(life, title="The good life", join_policy="open")
    carol.joins(life)
    carol.subscribes(life)
    alice.gives_role(life, carol, "moderator")
    carol.posts(life, "I am here to moderate")
    carol.removes(life, bob)
    assert bob.hears(type="conversation_removed", conversation_id=life)["reason"] == "removed"
    kinds = [
        "conversation_created",
        "message",
        "conversation_updated",
        "participant_joined",
        "participant_updated",
        "message",
        "participant_left",
    ]
    assert [event["type"] for event in alice.log(life)] == kinds
    for kind in kinds[1:]:
        alice.hears_event(kind)

    alice.deletes(life)
    for each in (alice, carol):
        each.hears(type="conversation_deleted", conversation_id=life)
    bob.hears_nothing(type="conversation_deleted")
    for each in (alice, bob, carol):
        each.get(f"/conversations/{life}").expect(404, "NOT_FOUND")
        assert each.socket.asks("subscribe", conversation_id=life)["code"] == "NOT_FOUND"
        assert each.lists() == []
    alice.delete(f"/conversations/{life}").expect(404, "NOT_FOUND")


def test_two_devices_of_one_person(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)

    phone = alice.connects(chat)
    assert bob.hears(type="presence")["online"] is True
    laptop = alice.connects(chat)
    bob.hears_nothing(type="presence")

    said = alice.says(chat, "from my laptop")
    for device in (phone, laptop):
        event = device.hears(type="event", event={"sequence_id": said["sequence_id"]})["event"]
        assert event["sender"] == alice.reference
    bob.posts(chat, "read this")
    for device in (phone, laptop):
        device.hears(type="event", event={"content": "read this"})
    alice.reads(chat, 3)
    assert phone.hears(type="read") == {
        "type": "read",
        "conversation_id": chat,
        "participant_id": alice.id,
        "sequence_id": 3,
    }
    laptop.hears_nothing(type="read")

    laptop.close()
    bob.posts(chat, "still there?")
    phone.hears(type="event", event={"content": "still there?"})
    bob.hears_nothing(type="presence")
    phone.close()
    assert bob.hears(type="presence")["online"] is False


def _say_three_things(person: Person, conversation: str) -> None:
    for number in range(3):
        person.says(conversation, f"{person.name} says {number}")
