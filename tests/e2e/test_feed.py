"""The feed: a list of conversations with badges that stay right, from one connection without subscriptions."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import MakeClients
from tests.support.client import Frame, TestClient
from tests.support.socket_client import Socket


class Badges:
    """The unread counts of a client, by the rules of docs/protocol.md: the first page, then frames alone."""

    def __init__(self, person: TestClient) -> None:
        self.person = person
        self.device: Socket = person.connect()
        assert self.device.request("hello", feed=True)["feed"] is True
        page = person.get("/conversations").expect(200)
        self.total = page["total_unread"]
        self.rows: dict[str, dict[str, Any]] = {row["conversation_id"]: row for row in page["conversations"]}
        for row in self.rows.values():
            row["position"] = (row["head"], row["read_up_to"])

    def apply(self, frame: Frame) -> None:
        """Apply a frame of the feed."""
        row = self.rows[frame["conversation_id"]]
        before = row["unread_count"]
        if frame["type"] == "activity":
            row["unread_count"] += max(frame["message_count"] - row["message_count"], 0)
            row["message_count"] = max(frame["message_count"], row["message_count"])
            row.update({name: frame[name] for name in ("last_message", "title") if name in frame})
        elif (position := (frame["head"], frame["read_up_to"])) > row["position"]:
            later = max(row["message_count"] - frame["message_count"], 0)
            row.update(position=position, unread_count=frame["unread_count"] + later)
            row["message_count"] = max(frame["message_count"], row["message_count"])
        self.total += row["unread_count"] - before

    def expect(self, **wanted: Any) -> Frame:
        """Wait for a frame, and apply it."""
        frame = self.device.expect_frame(**wanted)
        self.apply(frame)
        return frame

    def equals_the_list(self) -> None:
        """Check the counts against a page of the list."""
        page = self.person.get("/conversations").expect(200)
        shown = {row["conversation_id"]: row["unread_count"] for row in page["conversations"]}
        assert {name: row["unread_count"] for name, row in self.rows.items()} == shown
        assert self.total == page["total_unread"]


def test_badges_of_all_conversations_follow_one_feed(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    one, two = (alice.create_conversation(name, members=[bob]) for name in ("one", "two"))
    alice.post_message(one, "before")
    badges = Badges(bob)
    assert badges.total == 1
    alice.post_message(two, "x" * 200)
    preview = badges.expect(type="activity", conversation_id=two)["last_message"]
    assert (preview["content"], preview["truncated"]) == ("x" * 120, True)
    badges.equals_the_list()
    alice.connect()
    sent = alice.command("message", "message_ack", conversation_id=one, client_message_id="k", content="by socket")
    badges.expect(type="activity", conversation_id=one, head=sent["sequence_id"])
    badges.equals_the_list()
    bob.put(f"/conversations/{one}/read", {"sequence_id": sent["sequence_id"]}).expect(200)
    badges.expect(type="read", conversation_id=one)
    badges.equals_the_list()
    own = bob.post_message(two, "behind an unread one")["sequence_id"]
    badges.expect(type="read", conversation_id=two, head=own)
    badges.expect(type="activity", conversation_id=two, head=own)
    badges.equals_the_list()
    alice.edit_message(one, sent["sequence_id"], content="edited")
    assert badges.expect(type="activity", conversation_id=one)["last_message"]["content"] == "edited"
    alice.delete_message(one, sent["sequence_id"])
    assert "content" not in badges.expect(type="activity", conversation_id=one)["last_message"]
    alice.update_conversation(one, title="Oslo")
    assert badges.expect(type="activity", conversation_id=one)["title"] == "Oslo"
    badges.equals_the_list()
    badges.device.expect_no_frame(type="activity")


def test_subscribed_connection_receives_events_in_place_of_activity(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    device = bob.connect(chat)
    device.request("hello", feed=True)
    alice.post_message(chat, "one")
    device.expect_frame(type="event", event={"content": "one"})
    device.expect_no_frame(type="activity")
    assert device.request("unsubscribe", conversation_id=chat)["type"] == "unsubscribed"
    alice.post_message(chat, "two")
    assert device.expect_frame(type="activity")["last_message"]["content"] == "two"


def test_removed_member_receives_no_activity(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    devices = []
    for person in (bob, carol):
        device = person.connect()
        device.request("hello", feed=True)
        devices.append(device)
    alice.remove_participant(chat, bob)
    devices[0].expect_frame(type="conversation_removed")
    alice.post_message(chat, "without bob")
    devices[1].expect_frame(type="activity", conversation_id=chat)
    devices[0].expect_no_frame(type="activity")
    alice.delete_conversation(chat)
    devices[1].expect_frame(type="conversation_deleted", conversation_id=chat)
    devices[0].expect_no_frame(type="conversation_deleted")
