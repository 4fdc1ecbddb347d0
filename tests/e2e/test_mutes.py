"""Mutes: who is muted reads on and says nothing until the mute ends, by itself or by a moderator."""

from __future__ import annotations

import time
from datetime import datetime

from tests.e2e.conftest import People


def test_who_is_muted_reads_on_and_says_nothing(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    muted = alice.mutes(chat, bob, 3600)
    event = bob.hears_event("participant_updated")
    assert event["participant"]["muted_until"] == muted["muted_until"]
    until = datetime.fromisoformat(muted["muted_until"]).timestamp()
    assert 3500 < until - time.time() < 3700

    refusal = bob.post(f"/conversations/{chat}/messages", {"content": "psst"})
    error = refusal.expect(403, "MUTED")["error"]
    assert 3500 < error["retry_after"] <= 3600
    assert int(refusal.headers["retry-after"]) == round(error["retry_after"])
    answer = bob.socket.asks("message", conversation_id=chat, client_message_id="x", content="psst")
    assert (answer["code"], answer["retryable"], answer["client_message_id"]) == ("MUTED", False, "x")
    assert answer["retry_after"] > 3500
    assert bob.socket.asks("typing", conversation_id=chat, is_typing=True)["code"] == "MUTED"

    alice.posts(chat, "news")
    bob.hears_message("news")
    assert bob.reads(chat, alice.head(chat))["unread_count"] == 0
    assert bob.sees(chat)["participants"][1]["muted_until"] == muted["muted_until"]


def test_what_was_sent_before_the_mute_is_acknowledged_again(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    first = bob.says(chat, "before", client_message_id="k")
    alice.mutes(chat, bob)
    repeated = bob.says(chat, "before", client_message_id="k")
    assert (repeated["message_id"], repeated["duplicate"]) == (first["message_id"], True)
    body = {"content": "before", "client_message_id": "k"}
    assert bob.post(f"/conversations/{chat}/messages", body).expect(200)["message_id"] == first["message_id"]


def test_a_mute_is_lifted_by_no_seconds(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.mutes(chat, bob)
    assert "muted_until" not in alice.mutes(chat, bob, 0)
    head = bob.posts(chat, "free")["sequence_id"]
    alice.mutes(chat, bob, 0)  # again: nothing happens
    assert alice.head(chat) == head


def test_a_mute_ends_by_itself(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    until = datetime.fromisoformat(alice.mutes(chat, bob, 1)["muted_until"]).timestamp()
    while time.time() <= until:
        time.sleep(0.05)
    assert bob.says(chat, "free")["sequence_id"] == 3
    assert all("muted_until" not in each for each in bob.sees(chat)["participants"])


def test_leaving_and_returning_ends_no_mute(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob], join_policy="open")
    muted = alice.mutes(chat, bob)
    bob.leaves(chat)
    view = bob.joins(chat)
    assert view["participants"][-1]["muted_until"] == muted["muted_until"]
    bob.post(f"/conversations/{chat}/messages", {"content": "psst"}).expect(403, "MUTED")


def test_whoever_becomes_owner_is_not_muted(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.mutes(chat, bob)
    alice.leaves(chat)  # bob has been in longest
    assert bob.posts(chat, "mine")["sequence_id"] == 5
    bob.mutes(chat, carol)
    assert "muted_until" not in bob.gives_role(chat, carol, "owner")
    carol.posts(chat, "mine, too")


def test_a_role_and_a_mute_are_one_change(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.gives_role(chat, bob, "moderator")
    path = f"/conversations/{chat}/participants?participant_id={bob.id}"
    changed = alice.patch(path, {"role": "member", "muted_for": 60}).expect(200)
    assert (changed["role"], "muted_until" in changed) == ("member", True)
    assert alice.head(chat) == 3
    alice.patch(path, {"role": "owner", "muted_for": 60}).expect(403, "FORBIDDEN")


def test_who_is_muted_in_one_conversation_writes_in_another(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat, other = (alice.creates("Chat", with_=[bob]) for _ in range(2))
    alice.mutes(chat, bob)
    bob.posts(other, "hello")
