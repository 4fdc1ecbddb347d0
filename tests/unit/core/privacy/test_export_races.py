"""An export at the same time as a removal: the rights of the participant are read last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel import paging
from chalicelib.core.protocol.queries import ExportQuery
from chalicelib.core.protocol.requests import UpdateConversation
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal


class Engine(MemoryEngine):
    """A store that runs an action once, before or after the next read of the item with a sort key.

    It can hide all events from the next query of them, as that of an append that is being committed.
    """

    hides_events = False
    _sk = ""
    _action: Callable[[], object] | None = None

    def at_read(self, sk: str, action: Callable[[], object]) -> None:
        """Set the action, and the beginning of the sort key."""
        self._sk, self._action = sk, action

    def get_item(self, **arguments: Any) -> Any:
        """Run the action after a read."""
        found = super().get_item(**arguments)
        self._run(arguments["Key"]["sk"]["S"])
        return found

    def query(self, **arguments: Any) -> Any:
        """Run the action before a query."""
        values = arguments["ExpressionAttributeValues"]
        sk = values.get(":low", values.get(":prefix", {"S": ""}))["S"]
        self._run(sk)
        if self.hides_events and sk.startswith("E#"):
            self.hides_events = False
            return {"Items": []}
        return super().query(**arguments)

    def _run(self, sk: str) -> None:
        if self._action is not None and sk.startswith(self._sk):
            action, self._action = self._action, None
            action()


class Room:
    """Bob has written into alice's conversation."""

    def __init__(self) -> None:
        self.harness = AppHarness(engine=Engine)
        assert isinstance(self.harness.store, Engine)
        self.engine = self.harness.store
        self.chat = self.harness.create_conversation("alice", "bob")
        self.message = self.harness.send_message("bob", self.chat, "mine")

    def export(self, cursor: str | None = None) -> dict[str, Any]:
        return self.harness.chat.privacy.export.page(principal("bob"), ExportQuery(cursor=cursor))

    def remove_bob(self) -> None:
        """Remove bob; then alice does what he must not see."""
        conversations, alice = self.harness.chat.conversations, principal("alice")
        conversations.members.remove(alice, self.chat, "bob")
        self.harness.chat.messaging.reactions.add(alice, self.chat, self.message, "👎")
        conversations.lifecycle.update(alice, self.chat, UpdateConversation(title="Without Bob"))


@pytest.mark.parametrize("read", ["HEAD", "C#", "E#", "INFO"])
@pytest.mark.parametrize("after", [None, 1], ids=["the first page", "a later page"])
def test_participant_who_is_removed_during_an_export_sees_nothing_later(read: str, after: int | None) -> None:
    room = Room()
    room.engine.at_read(read, room.remove_bob)
    page = room.export(None if after is None else paging.encode(room.chat, after))
    (message,) = page["messages"]
    assert message["content"] == "mine"
    assert "👎" not in str(page)
    assert "Without Bob" not in str(page)


def test_position_at_the_head_ends_an_export() -> None:
    room = Room()
    head = room.harness.head(room.chat).sequence_id
    page = room.export(paging.encode(room.chat, head))
    assert (page["messages"], page.get("next_cursor")) == ([], None)


def test_conversation_whose_first_event_is_not_visible_yet_is_listed_once() -> None:
    room = Room()
    room.engine.hides_events = True
    first = room.export()
    second = room.export(first["next_cursor"])
    assert [len(page["conversations"]) for page in (first, second)] == [0, 1]
    assert (len(second["messages"]), "next_cursor" in second) == (1, False)
