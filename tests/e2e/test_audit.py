"""The audit: who used which right, on whom, in the order of the log; for owners alone."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import People


def _said(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("created_at", "muted_until")}


def test_every_use_of_a_right_is_in_the_audit(people: People) -> None:
    alice, bob, carol, mallory, guest = people("alice", "bob", "carol", "mallory", "guest")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.gives_role(chat, bob, "moderator")  # 2
    bob.changes(chat, title="secret title")  # 3
    bob.mutes(chat, carol)  # 4
    bob.mutes(chat, carol, 0)  # 5
    bob.bans(chat, mallory)  # 6
    bob.unbans(chat, mallory)  # 7
    bob.removes(chat, carol)  # 8
    invite = bob.invites(chat)
    guest.joins(chat, invite["invite"])  # 9
    guest.posts(chat, "secret text")  # 10
    bob.bans(chat, guest)  # 11
    bob.delete(f"/conversations/{chat}/invites/{invite['invite_id']}").expect(204)
    invited = {"actor_id": bob.id, "invite_id": invite["invite_id"]}
    assert [_said(each) for each in alice.audits(chat)] == [
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
    everything = str(alice.audits(chat))
    assert "secret" not in everything
    assert invite["invite"] not in everything


def test_deleting_what_somebody_else_said_is_in_the_audit_and_ones_own_is_not(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    for number in (2, 3):
        bob.posts(chat, f"message {number}")
    bob.delete(f"/conversations/{chat}/messages/2").expect(204)
    alice.delete(f"/conversations/{chat}/messages/3").expect(204)
    (entry,) = alice.audits(chat)
    assert _said(entry) == {
        "sequence_id": 5,
        "action": "message_deleted",
        "actor_id": alice.id,
        "participant_id": bob.id,
        "target": 3,
    }


def test_the_audit_is_read_from_where_one_likes_and_page_by_page(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    for number in range(4):
        alice.changes(chat, title=f"Title {number}")
        alice.invites(chat)
    everything = alice.audits(chat)
    assert [each["sequence_id"] for each in everything] == [2, 2, 3, 3, 4, 4, 5, 5]
    assert alice.audits(chat, after=3) == everything[4:]
    assert alice.audits(chat, after=5) == alice.audits(chat, after=1000) == []
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


def test_who_inherits_is_in_the_audit(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat")
    for each in (bob, carol):
        alice.adds(chat, each)
    alice.leaves(chat)
    assert [_said(each) for each in bob.audits(chat)] == [
        {
            "sequence_id": 4,
            "action": "role_changed",
            "actor_id": alice.id,
            "participant_id": bob.id,
            "role": "owner",
        }
    ]
