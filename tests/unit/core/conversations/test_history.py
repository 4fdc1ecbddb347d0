"""Reading messages and moving read pointers: invalid arguments, and which reactions are the reader's."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.protocol.queries import MessagesQuery
from tests.support.app_harness import AppHarness, principal


def test_before_and_after_exclude_each_other(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice")
    with pytest.raises(ValidationFailed):
        harness.chat.conversations.history.messages(
            principal("alice"), conversation_id, MessagesQuery.model_validate({"before": "2", "after": "1"})
        )


def test_read_pointer_beyond_the_head_is_rejected(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice")
    with pytest.raises(ValidationFailed):
        harness.chat.conversations.history.read(principal("alice"), conversation_id, 2)


def test_read_pointer_that_moved_meanwhile_is_not_moved_back(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    first, second = (harness.send_message("alice", conversation_id) for _ in range(2))
    history = harness.chat.conversations.history
    harness.gather.after(1, lambda: history.read(principal("bob"), conversation_id, second))
    result = history.read(principal("bob"), conversation_id, first)
    assert result.response == {"read_up_to": second, "unread_count": 0}
    assert result.pushes == ()


def test_own_reactions_are_marked_for_each_reader(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    target = harness.send_message("alice", conversation_id)
    plain = harness.send_message("alice", conversation_id)
    harness.chat.messaging.reactions.add(principal("bob"), conversation_id, target, "👍")
    history = harness.chat.conversations.history
    for reader, mine in (("alice", False), ("bob", True)):
        page = history.messages(principal(reader), conversation_id, MessagesQuery())
        assert [message["sequence_id"] for message in page["messages"]] == [target, plain]
        assert page["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1, "mine": mine}]
        assert "reactions" not in page["messages"][1]
