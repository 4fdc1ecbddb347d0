"""Pending memberships over HTTP and the WebSocket."""

from __future__ import annotations

from tests.e2e.conftest import MakeClients


def test_former_member_is_asked_and_accepts(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.leave(chat)
    bob.connect()
    answer = alice.add_participant(chat, bob, role="moderator")
    assert (answer["membership"], answer["added_by"]) == ("pending", alice.actor)
    frame = bob.expect_frame(type="invited", conversation_id=chat)
    assert (frame["title"], frame["role"]) == ("Chat", "moderator")
    listed = bob.get("/conversations", membership="pending").expect(200)
    assert [{"type": "invited", **entry} for entry in listed["pending"]] == [frame]
    (entry,) = alice.get(f"/conversations/{chat}/pending").expect(200)["pending"]
    assert entry == answer
    assert alice.get_conversation(chat)["participant_count"] == 1
    bob.join(chat)
    bob.expect_frame(type="conversation_added")
    assert bob.get("/conversations", membership="pending").expect(200)["pending"] == []
    assert alice.list_events(chat)[-1]["reason"] == "accepted"


def test_former_member_is_asked_and_declines(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.leave(chat)
    alice.add_participant(chat, bob)
    assert bob.post(f"/conversations/{chat}/leave").expect(200) == {}
    bob.post(f"/conversations/{chat}/leave").expect(404, "NOT_FOUND")
    bob.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    assert len(alice.get(f"/conversations/{chat}/pending").expect(200)["pending"]) == 1
    alice.delete(f"/conversations/{chat}/pending", participant_id=bob.id).expect(204)
    assert alice.get(f"/conversations/{chat}/pending").expect(200)["pending"] == []
