"""Concurrent requests of which only one can be first."""

from __future__ import annotations

from functools import partial

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient


def test_concurrent_adds_of_one_user_succeed_once(clients: MakeClients) -> None:
    alice, bob, newcomer = clients("alice", "bob", "newcomer")
    chat = alice.create_conversation(
        "Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "owner"}]
    )
    body = {"participant_id": newcomer.id, "name": "Newcomer"}
    adds = [partial(client.post, f"/conversations/{chat}/participants", body) for client in (alice, bob) * 2]
    statuses = [answer.status for answer in run_concurrently(*adds)]
    assert sorted(statuses) == [201, 409, 409, 409]
    assert [event["type"] for event in alice.list_events(chat)[1:]] == ["participant_joined"]
    assert len(newcomer.list_conversations()) == 1


def test_concurrent_joins_never_exceed_the_participant_limit(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    others = [{"participant_id": f"{alice.id}-{number}", "name": "P"} for number in range(98)]
    chat = alice.create_conversation("Crowd", participants=others, join_policy="open")
    joiners = clients("one", "two", "three")
    answers = run_concurrently(*(partial(joiner.post, f"/conversations/{chat}/join") for joiner in joiners))
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    view = alice.get_conversation(chat)
    assert view["participant_count"] == len(view["participants"]) == 100
    assert [len(joiner.list_conversations()) for joiner in joiners] == [
        1 if answer.status == 200 else 0 for answer in answers
    ]


def test_two_owners_leaving_concurrently_leave_a_successor(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[carol])
    alice.add_participant(chat, bob, role="owner")
    remaining = run_concurrently(partial(alice.leave, chat), partial(bob.leave, chat))
    assert sorted(remaining) == [1, 2]
    assert [
        (participant["participant_id"], participant["role"])
        for participant in carol.get_conversation(chat)["participants"]
    ] == [(carol.id, "owner")]
    assert [event["type"] for event in carol.list_events(chat)[-3:]].count("participant_updated") == 1


def test_all_members_leaving_concurrently_close_the_conversation(clients: MakeClients) -> None:
    everybody = clients("one", "two", "three", "four")
    chat = everybody[0].create_conversation("Chat", members=everybody[1:], join_policy="open")
    assert sorted(run_concurrently(*(partial(client.leave, chat) for client in everybody))) == [0, 1, 2, 3]
    for client in everybody:
        client.post(f"/conversations/{chat}/join").expect(404)


def test_two_owners_demoting_each_other_leave_one_owner(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation(
        "Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "owner"}]
    )

    def demotes(actor: TestClient, other: TestClient) -> int:
        path = f"/conversations/{chat}/participants?participant_id={other.id}"
        return actor.patch(path, {"role": "member"}).status

    statuses = run_concurrently(partial(demotes, alice, bob), partial(demotes, bob, alice))
    # The loser is no longer an owner, or would be the last one, depending on its reads.
    assert sorted(statuses) in ([200, 403], [200, 409])
    assert sorted(participant["role"] for participant in alice.get_conversation(chat)["participants"]) == [
        "member",
        "owner",
    ]


def test_send_concurrent_with_deletion_is_accepted_or_not_found(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    path = f"/conversations/{chat}"
    sends = [partial(bob.post, f"{path}/messages", {"content": "hello"}) for _ in range(4)]
    answers = run_concurrently(partial(alice.delete, path), *sends)
    assert answers[0].status == 204
    assert {answer.status for answer in answers[1:]} <= {201, 404}
    for client in (alice, bob):
        client.get(f"{path}/events").expect(404)
        client.post(f"{path}/messages", {"content": "too late"}).expect(404)


def test_concurrent_reads_keep_the_highest_read_pointer(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for number in range(10):
        alice.post_message(chat, f"{number}")
    head = 11

    def reads(number: int) -> int:
        return int(bob.put(f"/conversations/{chat}/read", {"sequence_id": number}).expect(200)["read_up_to"])

    numbers = [head, *range(2, head)]
    pointers = run_concurrently(*(partial(reads, number) for number in numbers))
    assert all(pointer >= asked for pointer, asked in zip(pointers, numbers, strict=True))
    view = bob.get_conversation(chat)
    assert (view["read_up_to"], view["unread_count"]) == (head, 0)


def test_concurrent_updates_are_both_in_the_log(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation(
        "Chat", participants=[{"participant_id": bob.id, "name": "Bob", "role": "moderator"}]
    )
    run_concurrently(
        partial(alice.update_conversation, chat, title="By Alice"),
        partial(bob.update_conversation, chat, metadata={"by": "Bob"}),
    )
    view = alice.get_conversation(chat)
    assert (view["title"], view["metadata"], view["head"]) == ("By Alice", {"by": "Bob"}, 3)
