"""An addition while the transaction of a block ends: one batch may show the standing after it, and no block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.consent_keys import BLOCK_PREFIX
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.unit.core.conversations.consent import is_member, own_pending
from tests.unit.core.conversations.test_directs import open_direct


class LateBlocks(MemoryEngine):
    """An engine whose BatchGetItem shows no block yet beside other items."""

    def batch_get_item(self, **request: Any) -> Any:
        answer = super().batch_get_item(**request)
        for table, items in answer["Responses"].items():
            keys = request["RequestItems"][table]["Keys"]
            if not all(key["sk"]["S"].startswith(BLOCK_PREFIX) for key in keys):
                shown = [item for item in items if not item["sk"]["S"].startswith(BLOCK_PREFIX)]
                answer["Responses"][table] = shown
        return answer


def add(harness: AppHarness) -> str:
    chat = harness.create_conversation("alice")
    assert harness.add("alice", chat, "bob").response["membership"] == "pending"
    return chat


WAYS: dict[str, Callable[[AppHarness], str]] = {
    "add": add,
    "create": lambda harness: harness.create_conversation("alice", "bob", "carol"),
    "open": lambda harness: str(open_direct(harness, "alice", "bob")[1]["conversation_id"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_blocked_participant_adds_nobody_at_the_moment_of_the_block(way: str) -> None:
    harness = AppHarness(engine=LateBlocks)
    harness.chat.conversations.blocks.block(principal("bob"), "alice")
    chat = WAYS[way](harness)
    assert not is_member(harness, chat, "bob")
    assert own_pending(harness, "bob") == []
    assert is_member(harness, chat, "carol") == (way == "create")
