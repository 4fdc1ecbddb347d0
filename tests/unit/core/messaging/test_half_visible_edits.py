"""A deletion while the transaction of an edit ends: BatchGetItem may still show the items before it."""

from __future__ import annotations

from typing import Any

from chalicelib.core.protocol.requests import EditMessage
from local.faults.calls import item_key
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with

ALICE = principal("alice")


class LateBatches(MemoryEngine):
    """An engine whose next BatchGetItem finds none of the items of the transaction before it."""

    def __init__(self, *tables: str) -> None:
        super().__init__(*tables)
        self.written: set[Any] = set()

    def transact_write_items(self, **request: Any) -> Any:
        puts = [operation["Put"] for operation in request["TransactItems"] if "Put" in operation]
        self.written = {item_key(put["TableName"], put["Item"]) for put in puts}
        return super().transact_write_items(**request)

    def batch_get_item(self, **request: Any) -> Any:
        answer = super().batch_get_item(**request)
        for table, items in answer["Responses"].items():
            answer["Responses"][table] = [item for item in items if item_key(table, item) not in self.written]
        self.written = set()
        return answer


def test_deletion_removes_the_text_of_an_edit_that_a_batch_does_not_show_yet() -> None:
    harness = AppHarness(engine=LateBatches)
    chat = harness.create_conversation("alice", "bob")
    target, updates = harness.send_message("alice", chat, "first"), harness.chat.messaging.updates
    for text in ("second", "a secret"):
        updates.edit(ALICE, chat, target, EditMessage(content=text))
    updates.delete(ALICE, chat, target)
    edits = [event for event in harness.events(chat) if event["type"] == "message_edited"]
    assert [event["target"] for event in edits] == [target, target]
    assert not items_with(harness.store, ("conversations",), "second", "a secret")
