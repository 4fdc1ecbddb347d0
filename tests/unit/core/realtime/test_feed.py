"""The feed: activity of all conversations of a participant, on connections that asked for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import EditMessage, SendMessage, SendSystemMessage, UpdateConversation
from chalicelib.core.realtime.feed import receives_activity
from tests.support.app_harness import AppHarness, principal
from tests.support.published import check_frame


def connect(harness: AppHarness, connection_id: str, participant_id: str, *subscribed: str) -> None:
    harness.connect(connection_id, participant_id, *subscribed)
    (welcome,) = harness.send_frame(connection_id, type="hello", feed=True)
    assert welcome["feed"] is True


def send(harness: AppHarness, sender: str, chat: str, content: str = "hello", **fields: Any) -> int:
    """Send a message by HTTP and deliver its pushes."""
    sender_service = harness.chat.messaging.sender
    sent = sender_service.send(principal(sender), chat, SendMessage(content=content, **fields))
    harness.chat.realtime.fan_out.deliver(sender_service.pushes(sent), within=5)
    return int(sent.event["sequence_id"])


def deliver(harness: AppHarness, outcome: Any) -> None:
    harness.chat.realtime.fan_out.deliver(outcome.pushes, within=5)


def test_message_is_shown_on_connections_with_a_feed_alone(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob", "carol")
    connect(harness, "b1", "bob")
    harness.connect("b2", "bob")
    connect(harness, "b3", "bob", chat)
    connect(harness, "d1", "dave")
    number = send(harness, "alice", chat, "x" * 121, mentions=["bob"])
    (frame,) = harness.posted("b1", "activity")
    event = harness.events(chat)[-1]
    assert frame == {
        "type": "activity",
        "history_id": str(harness.chat.runtime.history_id),
        "conversation_id": chat,
        "head": number,
        "message_count": 1,
        "last_message": {
            **{name: event[name] for name in ("sequence_id", "message_id", "created_at", "sender", "mentions")},
            "content": "x" * 120,
            "truncated": True,
        },
    }
    for connection_id in ("b2", "b3", "d1"):
        assert harness.posted(connection_id, "activity") == [], connection_id
    assert len(harness.posted("b3", "events")) == 1


def test_activity_is_posted_beside_the_events_in_one_serialization(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob", "carol")
    connect(harness, "b1", "bob")
    connect(harness, "c1", "carol")
    send(harness, "alice", chat)
    assert harness.posted("b1", "activity") == harness.posted("c1", "activity") != []


@pytest.mark.parametrize("seen", [None, 1])
def test_own_message_is_a_read_on_the_senders_feeds(harness: AppHarness, seen: int | None) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "a1", "alice")
    send(harness, "alice", chat, seen=seen)
    (read,) = harness.posted("a1", "read")
    counts = {name: read[name] for name in ("head", "read_up_to", "message_count", "unread_count")}
    assert counts == {"head": 2, "read_up_to": 2, "message_count": 1, "unread_count": 0}
    assert [frame["type"] for frame in harness.posted("a1")][-2:] == ["read", "activity"], "the count comes first"


def test_own_message_behind_unread_ones_leaves_the_count(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "a1", "alice")
    for _ in range(3):
        send(harness, "bob", chat)
    send(harness, "alice", chat)
    read = harness.posted("a1", "read")[-1]
    counts = {name: read[name] for name in ("head", "read_up_to", "message_count", "unread_count")}
    assert counts == {"head": 5, "read_up_to": 1, "message_count": 4, "unread_count": 3}


def test_pointer_that_seen_moves_has_its_counts_once(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "a1", "alice")
    last = send(harness, "bob", chat)
    send(harness, "alice", chat, seen=last)
    (read,) = harness.posted("a1", "read")
    assert (read["head"], read["read_up_to"], read["message_count"], read["unread_count"]) == (3, 3, 2, 0)


def test_edit_and_deletion_of_the_last_message_are_activity(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    first, last = send(harness, "alice", chat, "one"), send(harness, "alice", chat, "two")
    connect(harness, "b1", "bob")
    updates = harness.chat.messaging.updates
    for target in (first, last):
        edited = updates.edit(principal("alice"), chat, target, EditMessage(content=f"changed {target}"))
        deliver(harness, edited)
    deliver(harness, harness.chat.messaging.reactions.add(principal("alice"), chat, last, "👍"))
    (frame,) = harness.posted("b1", "activity")
    assert (frame["head"], frame["message_count"]) == (5, 2)
    assert frame["last_message"]["content"] == f"changed {last}"
    assert frame["last_message"]["version"] == 5
    for target in (first, last):
        deliver(harness, updates.delete(principal("alice"), chat, target))
    _, deleted = harness.posted("b1", "activity")
    assert "content" not in deleted["last_message"]
    assert deleted["last_message"]["deleted_at"]


def test_change_of_the_title_is_activity_and_is_never_skipped(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    lifecycle = harness.chat.conversations.lifecycle
    outcome = lifecycle.update(principal("alice"), chat, UpdateConversation(title="Oslo"))
    harness.send_message("alice", chat)
    deliver(harness, outcome)
    (frame,) = harness.posted("b1", "activity")
    assert (frame["title"], frame["head"]) == ("Oslo", 2)
    assert "last_message" not in frame
    deliver(harness, lifecycle.update(principal("alice"), chat, UpdateConversation(metadata={"a": 1})))
    assert len(harness.posted("b1", "activity")) == 1


def test_additions_removals_and_deletions_reach_a_feed(harness: AppHarness) -> None:
    connect(harness, "b1", "bob")
    chat, other = (harness.create_conversation("alice") for _ in range(2))
    for conversation_id in (chat, other):
        deliver(harness, harness.add("alice", conversation_id, "bob"))
    deliver(harness, harness.chat.conversations.members.remove(principal("alice"), chat, "bob"))
    deliver(harness, harness.chat.conversations.lifecycle.delete(principal("alice"), other))
    types = [frame["type"] for frame in harness.posted("b1") if frame["type"].startswith("conversation_")]
    assert types == [*2 * ["conversation_added"], "conversation_removed", "conversation_deleted"]


def test_frame_is_skipped_if_a_later_message_follows(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    sender = harness.chat.messaging.sender
    sent = [sender.send(principal("alice"), chat, SendMessage(content=f"{n}")) for n in range(1, 27)]
    for result in sent:
        harness.chat.realtime.fan_out.deliver(sender.pushes(result), within=5)
    shown = [frame["message_count"] for frame in harness.posted("b1", "activity")]
    assert shown == [25, 26], "the one that crosses a multiple of 25, and the last one"


@pytest.mark.parametrize(("limit", "frames"), [(3, 1), (2, 0), (0, 0)])
def test_large_conversations_have_no_activity(limit: int, frames: int) -> None:
    harness = AppHarness({"CHAT_LIMIT_ACTIVITY_PARTICIPANTS": str(limit)})
    chat = harness.create_conversation("alice", "bob", "carol")
    connect(harness, "b1", "bob")
    last = send(harness, "alice", chat)
    deliver(harness, harness.chat.messaging.updates.edit(principal("alice"), chat, last, EditMessage(content="x")))
    lifecycle = harness.chat.conversations.lifecycle
    deliver(harness, lifecycle.update(principal("alice"), chat, UpdateConversation(title="Oslo")))
    assert len(harness.posted("b1", "activity")) == 3 * frames
    deliver(harness, lifecycle.delete(principal("alice"), chat))
    assert len(harness.posted("b1", "conversation_deleted")) == frames


def test_deletion_is_posted_once_to_a_connection_that_is_subscribed_and_has_a_feed(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    connect(harness, "b2", "bob")
    harness.send_frame("b1", type="subscribe", conversation_id=chat)
    deliver(harness, harness.chat.conversations.lifecycle.delete(principal("alice"), chat))
    assert [len(harness.posted(name, "conversation_deleted")) for name in ("b1", "b2")] == [1, 1]


@pytest.mark.parametrize("sent_by", ["system", "service", "agent"])
def test_preview_has_the_sender_as_the_list_has(harness: AppHarness, sent_by: str) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    senders = {
        "system": Service("backend").as_principal(),
        "service": Principal("alice", "Alice", service="backend"),
        "agent": Principal("alice", "Alice", "agent"),
    }
    request = SendSystemMessage(content="item 17", client_message_id="1")
    sent = harness.chat.messaging.sender.send(senders[sent_by], chat, request)
    harness.chat.realtime.fan_out.deliver(harness.chat.messaging.sender.pushes(sent), within=5)
    (frame,) = harness.posted("b1", "activity")
    check_frame(frame)
    page = harness.chat.conversations.views.list(principal("bob"), ConversationsQuery())
    assert frame["last_message"]["sender"] == page["conversations"][0]["last_message"]["sender"]


def test_preview_of_no_characters_shows_no_content() -> None:
    harness = AppHarness({"CHAT_LIMIT_ACTIVITY_PREVIEW_CHARACTERS": "0"})
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    send(harness, "alice", chat, "secret")
    (frame,) = harness.posted("b1", "activity")
    assert (frame["last_message"]["content"], frame["last_message"]["truncated"]) == ("", True)


def test_removed_member_receives_no_activity_of_later_messages(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob", "carol")
    connect(harness, "b1", "bob")
    connect(harness, "c1", "carol")
    deliver(harness, harness.chat.conversations.members.remove(principal("alice"), chat, "bob"))
    send(harness, "alice", chat)
    assert harness.posted("b1", "activity") == []
    assert len(harness.posted("c1", "activity")) == 1


def test_member_who_left_before_the_head_was_read_again_receives_nothing(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    bob, head = harness.member(chat, "bob"), harness.head(chat)
    assert receives_activity(bob, head)
    assert not receives_activity(bob, replace(head, departed={"bob": bob.epoch + 1}))
    assert receives_activity(bob, replace(head, departed={"alice": bob.epoch + 1}))
    returned = replace(bob, epoch=bob.epoch + 2)
    assert receives_activity(returned, replace(head, departed={"bob": bob.epoch + 1})), "a later membership"


@pytest.mark.parametrize("ending", ["deleted", "closed"])
def test_ended_conversation_shows_no_content(harness: AppHarness, ending: str) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1", "bob")
    sender = harness.chat.messaging.sender
    pushes = sender.pushes(sender.send(principal("alice"), chat, SendMessage(content="late")))
    if ending == "deleted":
        harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    else:
        for name in ("bob", "alice"):
            harness.chat.conversations.members.leave(principal(name), chat)
    harness.chat.realtime.fan_out.deliver(pushes, within=5)
    assert harness.posted("b1", "activity") == []
