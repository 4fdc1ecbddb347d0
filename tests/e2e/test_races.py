"""Several people who do something at the same moment that only one of them can have done first."""

from __future__ import annotations

from functools import partial

from tests.e2e.conftest import People
from tests.e2e.together import at_once
from tests.support.client import Person


def test_of_several_who_add_the_same_person_one_does(people: People) -> None:
    alice, bob, newcomer = people("alice", "bob", "newcomer")
    chat = alice.creates("Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "owner"}])
    body = {"participant_id": newcomer.id, "name": "Newcomer"}
    adds = [partial(each.post, f"/conversations/{chat}/participants", body) for each in (alice, bob) * 2]
    statuses = [answer.status for answer in at_once(*adds)]
    assert sorted(statuses) == [201, 409, 409, 409]
    assert [event["type"] for event in alice.log(chat)[1:]] == ["participant_joined"]
    assert len(newcomer.lists()) == 1


def test_of_several_who_join_when_there_is_room_for_one_one_does(people: People) -> None:
    (alice,) = people("alice")
    others = [{"participant_id": f"{alice.id}-{number}", "name": "P"} for number in range(98)]
    chat = alice.creates("Crowd", participants=others, join_policy="open")
    joiners = people("one", "two", "three")
    answers = at_once(*(partial(each.post, f"/conversations/{chat}/join") for each in joiners))
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    view = alice.sees(chat)
    assert view["participant_count"] == len(view["participants"]) == 100
    assert [len(each.lists()) for each in joiners] == [1 if answer.status == 200 else 0 for answer in answers]


def test_of_two_owners_who_leave_at_once_the_last_one_hands_on(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[carol])
    alice.adds(chat, bob, role="owner")
    remaining = at_once(partial(alice.leaves, chat), partial(bob.leaves, chat))
    assert sorted(remaining) == [1, 2]
    assert [(each["participant_id"], each["role"]) for each in carol.sees(chat)["participants"]] == [
        (carol.id, "owner")
    ]
    assert [event["type"] for event in carol.log(chat)[-3:]].count("participant_updated") == 1


def test_when_all_leave_at_once_it_is_left_by_all(people: People) -> None:
    everybody = people("one", "two", "three", "four")
    chat = everybody[0].creates("Chat", with_=everybody[1:], join_policy="open")
    assert sorted(at_once(*(partial(each.leaves, chat) for each in everybody))) == [0, 1, 2, 3]
    for each in everybody:
        each.post(f"/conversations/{chat}/join").expect(404)


def test_two_owners_who_demote_each_other_leave_one(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "owner"}])

    def demotes(actor: Person, other: Person) -> int:
        path = f"/conversations/{chat}/participants?participant_id={other.id}"
        return actor.patch(path, {"role": "member"}).status

    statuses = at_once(partial(demotes, alice, bob), partial(demotes, bob, alice))
    # The loser is no owner any more, or would have left none, as their reads happened to fall.
    assert sorted(statuses) in ([200, 403], [200, 409])
    assert sorted(each["role"] for each in alice.sees(chat)["participants"]) == ["member", "owner"]


def test_what_is_sent_while_it_is_deleted_is_accepted_or_not_found(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    path = f"/conversations/{chat}"
    sends = [partial(bob.post, f"{path}/messages", {"content": "hello"}) for _ in range(4)]
    answers = at_once(partial(alice.delete, path), *sends)
    assert answers[0].status == 204
    assert {answer.status for answer in answers[1:]} <= {201, 404}
    for each in (alice, bob):
        each.get(f"{path}/events").expect(404)
        each.post(f"{path}/messages", {"content": "too late"}).expect(404)


def test_a_pointer_that_is_moved_from_many_devices_at_once_ends_where_it_is_farthest(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    for number in range(10):
        alice.posts(chat, f"{number}")
    head = 11

    def reads(number: int) -> int:
        return int(bob.put(f"/conversations/{chat}/read", {"sequence_id": number}).expect(200)["read_up_to"])

    numbers = [head, *range(2, head)]
    pointers = at_once(*(partial(reads, number) for number in numbers))
    assert all(pointer >= asked for pointer, asked in zip(pointers, numbers, strict=True))
    view = bob.sees(chat)
    assert (view["read_up_to"], view["unread_count"]) == (head, 0)


def test_changes_by_two_at_once_are_both_in_the_log(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "moderator"}])
    at_once(
        partial(alice.changes, chat, title="By Alice"),
        partial(bob.changes, chat, metadata={"by": "Bob"}),
    )
    view = alice.sees(chat)
    assert (view["title"], view["metadata"], view["head"]) == ("By Alice", {"by": "Bob"}, 3)
