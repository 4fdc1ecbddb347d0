"""Bans: who is banned goes at once, hears no more, and does not come in again."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import People


def test_who_is_banned_is_told_so_and_hears_nothing_more(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    alice.connects(chat)
    bob.connects(chat)
    bob.socket.forgets()
    alice.bans(chat, bob)
    assert bob.hears(type="conversation_removed") == {
        "type": "conversation_removed",
        "conversation_id": chat,
        "reason": "banned",
    }
    event = alice.hears_event("participant_left")
    assert (event["sender"], event["reason"]) == (alice.reference, "banned")
    assert event["participant"]["participant_id"] == bob.id
    alice.posts(chat, "about bob")
    bob.hears_nothing()
    bob.get(f"/conversations/{chat}").expect(404, "NOT_FOUND")
    bob.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    assert bob.lists() == []


def test_nobody_adds_who_is_banned_before_the_ban_is_lifted(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    alice.posts(chat, "one")
    bob.put(f"/conversations/{chat}/read", {"sequence_id": 2}).expect(200)
    alice.bans(chat, bob)
    body = {"participant_id": bob.id, "name": bob.name}
    alice.post(f"/conversations/{chat}/participants", body).expect(409, "BANNED")
    alice.unbans(chat, bob)
    alice.delete(f"/conversations/{chat}/bans", participant_id=bob.id).expect(404, "NOT_FOUND")
    assert bob.joins(chat)["read_up_to"] == 2, "who comes back finds the pointer where it was"


def test_a_stranger_can_be_banned_before_they_come(people: People) -> None:
    alice, bob, mallory = people("alice", "bob", "mallory")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    bob.connects(chat)
    alice.bans(chat, mallory)
    event = bob.hears_event("participant_banned")
    assert (event["sender"], event["participant"]) == (alice.reference, {"participant_id": mallory.id})
    mallory.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    alice.bans(chat, mallory)  # again: nothing happens
    assert alice.head(chat) == event["sequence_id"]
    alice.unbans(chat, mallory)
    assert bob.hears_event("participant_unbanned")["participant"] == {"participant_id": mallory.id}
    mallory.joins(chat)


def test_who_is_banned_is_listed_with_the_name_they_had(people: People) -> None:
    alice, bob, mallory = people("alice", "bob", "mallory")
    chat = alice.creates("Chat", with_=[bob])
    alice.gives_role(chat, bob, "moderator")
    for each in (bob, mallory):
        alice.bans(chat, each)
    found: dict[str, Any] = {}
    query: dict[str, object] = {"limit": 1}
    while len(found) < 3:
        page = alice.get(f"/conversations/{chat}/bans", **query).expect(200)
        (ban,) = page["bans"]
        found[ban["participant_id"]] = ban
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert found.keys() == {bob.id, mallory.id}
    assert found[bob.id]["name"] == bob.name
    assert "name" not in found[mallory.id]
    assert {each["banned_by"] for each in found.values()} == {alice.id}


def test_nobody_bans_themselves(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    path = f"/conversations/{chat}/participants"
    error = alice.delete(path, participant_id=alice.id, ban="true").expect(400, "VALIDATION_FAILED")["error"]
    assert error["details"][0]["path"] == "participant_id"
    assert alice.head(chat) == 1


def test_to_ban_is_true_or_false_and_nothing_else(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    path = f"/conversations/{chat}/participants"
    for value in ("", "1", "yes", "True", "null"):
        error = alice.delete(path, participant_id=bob.id, ban=value).expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "ban"
    alice.delete(path, participant_id=bob.id, ban="false").expect(204)
    bob.joins(chat)
