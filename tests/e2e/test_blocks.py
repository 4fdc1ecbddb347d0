"""Blocks over HTTP."""

from __future__ import annotations

from tests.e2e.conftest import MakeClients


def test_block_is_private_and_listed_until_it_is_lifted(clients: MakeClients) -> None:
    alice, mallory = clients("alice", "mallory")
    alice.put(f"/me/blocks?participant_id={mallory.id}").expect(204)
    (block,) = alice.get("/me/blocks").expect(200)["blocks"]
    assert block["participant_id"] == mallory.id
    assert mallory.get("/me/blocks").expect(200) == {"blocks": []}
    assert alice.get("/me/export").expect(200)["blocks"] == [block]
    alice.delete("/me/blocks", participant_id=mallory.id).expect(204)
    assert alice.get("/me/blocks").expect(200) == {"blocks": []}


def test_invalid_blocks_are_rejected(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    alice.put(f"/me/blocks?participant_id={alice.id}").expect(400, "VALIDATION_FAILED")
    alice.put("/me/blocks").expect(400, "VALIDATION_FAILED")
    alice.get("/me/blocks", cursor="x").expect(400, "VALIDATION_FAILED")


def test_blocked_participant_cannot_add_the_blocker(clients: MakeClients) -> None:
    alice, mallory = clients("alice", "mallory")
    alice.connect()
    alice.put(f"/me/blocks?participant_id={mallory.id}").expect(204)
    chat = mallory.create_conversation("Chat")
    answer = mallory.add_participant(chat, alice)
    assert (answer["participant_id"], answer["membership"]) == (alice.id, "pending")
    body = {"title": "Group", "participants": [{"participant_id": alice.id, "name": "Alice"}]}
    group = mallory.post("/conversations", body).expect(201)
    assert [entry["participant_id"] for entry in group["pending"]] == [alice.id]
    assert alice.get("/conversations", membership="pending").expect(200) == {"conversations": [], "pending": []}
    alice.expect_no_frame(type="invited")
    alice.expect_no_frame(type="conversation_added")
    alice.post(f"/conversations/{chat}/join").expect(404, "NOT_FOUND")
    assert alice.list_conversations() == []
