"""The audit: moderation actions in the order of the log, visible to owners only."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import MakeClients


def _said(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("created_at", "muted_until")}


def test_audit_contains_every_moderation_action(clients: MakeClients) -> None:
    alice, bob, carol, mallory, guest = clients("alice", "bob", "carol", "mallory", "guest")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.set_role(chat, bob, "moderator")  # 2
    bob.update_conversation(chat, title="secret title")  # 3
    bob.mute(chat, carol)  # 4
    bob.mute(chat, carol, 0)  # 5
    bob.ban(chat, mallory)  # 6
    bob.unban(chat, mallory)  # 7
    bob.remove_participant(chat, carol)  # 8
    invite = bob.create_invite(chat)
    guest.join(chat, invite["invite"])  # 9
    guest.post_message(chat, "secret text")  # 10
    bob.ban(chat, guest)  # 11
    bob.delete(f"/conversations/{chat}/invites/{invite['invite_id']}").expect(204)
    invited = {"actor_id": bob.id, "invite_id": invite["invite_id"]}
    assert [_said(entry) for entry in alice.list_audit(chat)] == [
        {
            "sequence_id": 2,
            "action": "role_changed",
            "actor_id": alice.id,
            "participant_id": bob.id,
            "role": "moderator",
        },
        {"sequence_id": 3, "action": "conversation_updated", "actor_id": bob.id},
        {"sequence_id": 4, "action": "muted", "actor_id": bob.id, "participant_id": carol.id},
        {"sequence_id": 5, "action": "unmuted", "actor_id": bob.id, "participant_id": carol.id},
        {"sequence_id": 6, "action": "banned", "actor_id": bob.id, "participant_id": mallory.id},
        {"sequence_id": 7, "action": "unbanned", "actor_id": bob.id, "participant_id": mallory.id},
        {"sequence_id": 8, "action": "removed", "actor_id": bob.id, "participant_id": carol.id},
        {"sequence_id": 8, "action": "invite_created", **invited},
        {"sequence_id": 9, "action": "invite_used", **invited, "actor_id": guest.id},
        {"sequence_id": 11, "action": "banned", "actor_id": bob.id, "participant_id": guest.id},
        {"sequence_id": 11, "action": "invite_revoked", **invited},
    ]
    everything = str(alice.list_audit(chat))
    assert "secret" not in everything
    assert invite["invite"] not in everything


def test_audit_contains_deletions_of_others_messages_only(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for number in (2, 3):
        bob.post_message(chat, f"message {number}")
    bob.delete(f"/conversations/{chat}/messages/2").expect(204)
    alice.delete(f"/conversations/{chat}/messages/3").expect(204)
    (entry,) = alice.list_audit(chat)
    assert _said(entry) == {
        "sequence_id": 5,
        "action": "message_deleted",
        "actor_id": alice.id,
        "participant_id": bob.id,
        "target": 3,
    }


def test_audit_is_paged_and_filtered_by_after(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for number in range(4):
        alice.update_conversation(chat, title=f"Title {number}")
        alice.create_invite(chat)
    everything = alice.list_audit(chat)
    assert [entry["sequence_id"] for entry in everything] == [2, 2, 3, 3, 4, 4, 5, 5]
    assert alice.list_audit(chat, after=3) == everything[4:]
    assert alice.list_audit(chat, after=5) == []
    alice.get(f"/conversations/{chat}/audit", after=6).expect(409, "POSITION_UNKNOWN")
    found: list[Any] = []
    query: dict[str, object] = {"limit": 3}
    while True:
        page = alice.get(f"/conversations/{chat}/audit", **query).expect(200)
        found += page["entries"]
        if "next_cursor" not in page:
            break
        assert len(page["entries"]) == 3
        query["cursor"] = page["next_cursor"]
    assert found == everything
    for bad in ({"cursor": "x"}, {"cursor": "WzFd"}, {"after": 1, "cursor": query["cursor"]}):
        alice.get(f"/conversations/{chat}/audit", **bad).expect(400, "VALIDATION_FAILED")


def test_audit_contains_the_succession_of_an_owner(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat")
    for client in (bob, carol):
        alice.add_participant(chat, client)
    alice.leave(chat)
    assert [_said(entry) for entry in bob.list_audit(chat)] == [
        {
            "sequence_id": 4,
            "action": "role_changed",
            "actor_id": alice.id,
            "participant_id": bob.id,
            "role": "owner",
        }
    ]
