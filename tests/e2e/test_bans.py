"""Bans: a banned user is removed, receives nothing more, and cannot return."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import MakeClients


def test_banned_member_is_notified_and_receives_nothing_more(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    bob.connect(chat)
    alice.connect(chat)
    bob.expect_frame(type="presence", participant=alice.actor)  # or it could arrive later
    alice.ban(chat, bob)
    assert bob.expect_frame(type="conversation_removed") == {
        "type": "conversation_removed",
        "conversation_id": chat,
        "reason": "banned",
    }
    event = alice.expect_event("participant_left")
    assert (event["sender"], event["reason"]) == (alice.actor, "banned")
    assert event["participant"]["participant_id"] == bob.id
    alice.post_message(chat, "about bob")
    bob.expect_no_frame()
    bob.get(f"/conversations/{chat}").expect(404, "NOT_FOUND")
    bob.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    assert bob.list_conversations() == []


def test_banned_user_cannot_be_added_until_unbanned(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    alice.post_message(chat, "one")
    bob.put(f"/conversations/{chat}/read", {"sequence_id": 2}).expect(200)
    alice.ban(chat, bob)
    body = {"participant_id": bob.id, "name": bob.name}
    alice.post(f"/conversations/{chat}/participants", body).expect(409, "BANNED")
    alice.unban(chat, bob)
    alice.delete(f"/conversations/{chat}/bans", participant_id=bob.id).expect(404, "NOT_FOUND")
    assert bob.join(chat)["read_up_to"] == 2, "who comes back finds the pointer where it was"


def test_non_member_can_be_banned(clients: MakeClients) -> None:
    alice, bob, mallory = clients("alice", "bob", "mallory")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    bob.connect(chat)
    alice.ban(chat, mallory)
    event = bob.expect_event("participant_banned")
    assert (event["sender"], event["participant"]) == (alice.actor, {"participant_id": mallory.id})
    mallory.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    alice.ban(chat, mallory)  # again: a no-op
    assert alice.get_head(chat) == event["sequence_id"]
    alice.unban(chat, mallory)
    assert bob.expect_event("participant_unbanned")["participant"] == {"participant_id": mallory.id}
    mallory.join(chat)


def test_ban_list_shows_the_names_of_former_members(clients: MakeClients) -> None:
    alice, bob, mallory = clients("alice", "bob", "mallory")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.set_role(chat, bob, "moderator")
    for client in (bob, mallory):
        alice.ban(chat, client)
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
    assert {ban["banned_by"] for ban in found.values()} == {alice.id}


def test_caller_cannot_ban_themselves(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    path = f"/conversations/{chat}/participants"
    error = alice.delete(path, participant_id=alice.id, ban="true").expect(400, "VALIDATION_FAILED")["error"]
    assert error["details"][0]["path"] == "participant_id"
    assert alice.get_head(chat) == 1


def test_ban_parameter_must_be_true_or_false(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    path = f"/conversations/{chat}/participants"
    for value in ("", "1", "yes", "True", "null"):
        error = alice.delete(path, participant_id=bob.id, ban=value).expect(400, "VALIDATION_FAILED")["error"]
        assert error["details"][0]["path"] == "ban"
    alice.delete(path, participant_id=bob.id, ban="false").expect(204)
    alice.add_participant(chat, bob)
