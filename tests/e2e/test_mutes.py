"""Mutes: a muted member can read but not send until the mute expires or a moderator ends it."""

from __future__ import annotations

import time
from datetime import datetime

from tests.e2e.conftest import MakeClients


def test_muted_member_can_read_but_not_send(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    muted = alice.mute(chat, bob, 3600)
    event = bob.expect_event("participant_updated")
    assert event["participant"]["muted_until"] == muted["muted_until"]
    until = datetime.fromisoformat(muted["muted_until"]).timestamp()
    assert 3500 < until - time.time() < 3700

    refusal = bob.post(f"/conversations/{chat}/messages", {"content": "psst"})
    error = refusal.expect(403, "MUTED")["error"]
    assert 3500 < error["retry_after"] <= 3600
    assert int(refusal.headers["retry-after"]) == round(error["retry_after"])
    answer = bob.socket.request("message", conversation_id=chat, client_message_id="x", content="psst")
    assert (answer["code"], answer["retryable"], answer["client_message_id"]) == ("MUTED", False, "x")
    assert answer["retry_after"] > 3500
    assert bob.socket.request("typing", conversation_id=chat, is_typing=True)["code"] == "MUTED"
    bob.send_typing(chat, is_typing=False)
    bob.ping()
    bob.expect_no_frame(type="error")

    alice.post_message(chat, "news")
    bob.expect_message("news")
    assert bob.mark_read(chat, alice.get_head(chat))["unread_count"] == 0
    assert bob.get_conversation(chat)["participants"][1]["muted_until"] == muted["muted_until"]


def test_repeat_of_a_message_before_the_mute_is_acknowledged(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    first = bob.send_message(chat, "before", client_message_id="k")
    alice.mute(chat, bob)
    repeated = bob.send_message(chat, "before", client_message_id="k")
    assert (repeated["message_id"], repeated["duplicate"]) == (first["message_id"], True)
    body = {"content": "before", "client_message_id": "k"}
    assert bob.post(f"/conversations/{chat}/messages", body).expect(200)["message_id"] == first["message_id"]


def test_mute_for_zero_seconds_unmutes(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.mute(chat, bob)
    assert "muted_until" not in alice.mute(chat, bob, 0)
    head = bob.post_message(chat, "free")["sequence_id"]
    alice.mute(chat, bob, 0)  # again: a no-op
    assert alice.get_head(chat) == head


def test_mute_expires(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    until = datetime.fromisoformat(alice.mute(chat, bob, 1)["muted_until"]).timestamp()
    while time.time() <= until:
        time.sleep(0.05)
    assert bob.send_message(chat, "free")["sequence_id"] == 3
    assert all("muted_until" not in participant for participant in bob.get_conversation(chat)["participants"])


def test_mute_survives_leaving_and_returning(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob], join_policy="open")
    muted = alice.mute(chat, bob)
    bob.leave(chat)
    view = bob.join(chat)
    assert view["participants"][-1]["muted_until"] == muted["muted_until"]
    bob.post(f"/conversations/{chat}/messages", {"content": "psst"}).expect(403, "MUTED")


def test_new_owner_is_unmuted(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    for member in (bob, carol):
        alice.mute(chat, member)
    alice.leave(chat)  # both are muted, and Bob is the oldest member
    assert bob.post_message(chat, "mine")["sequence_id"] == 6
    bob.mute(chat, carol)
    assert "muted_until" not in bob.set_role(chat, carol, "owner")
    carol.post_message(chat, "mine, too")


def test_role_and_mute_are_updated_in_one_event(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.set_role(chat, bob, "moderator")
    path = f"/conversations/{chat}/participants?participant_id={bob.id}"
    changed = alice.patch(path, {"role": "member", "muted_for": 60}).expect(200)
    assert (changed["role"], "muted_until" in changed) == ("member", True)
    assert alice.get_head(chat) == 3
    alice.patch(path, {"role": "owner", "muted_for": 60}).expect(403, "FORBIDDEN")


def test_mute_applies_to_one_conversation_only(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat, other = (alice.create_conversation("Chat", members=[bob]) for _ in range(2))
    alice.mute(chat, bob)
    bob.post_message(other, "hello")
