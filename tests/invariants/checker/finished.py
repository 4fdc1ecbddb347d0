"""A finished conversation: its items, and its log."""

from __future__ import annotations

import json
from functools import cached_property

from tests.invariants.checker.log_state import Event, LogState
from tests.invariants.harness import Harness
from tests.support.items import Items, plain

KNOWN_OWN_MESSAGES = 100
"""Own messages after the read pointer that do not count as unread."""


class Finished:
    """The items, the log and the harness of a conversation, which all checks use."""

    def __init__(self, harness: Harness, items: Items, *, tidy: bool, frozen: bool) -> None:
        self._harness = harness
        self._items = items
        self._tidy = tidy
        self._frozen = frozen
        self._chat = harness.tables.conversations_table
        self._live = harness.tables.connections_table
        self._of_conversation = plain(items, self._chat, f"C#{harness.conversation}")
        self._head = self._of_conversation.get("HEAD")

    @cached_property
    def _log(self) -> list[Event]:
        return [json.loads(item["event"]) for sk, item in self._of_conversation.items() if sk.startswith("E#")]

    @cached_property
    def _story(self) -> LogState:
        return LogState(self._log)

    def _person_of(self, connection_id: str) -> str:
        (socket,) = [name for name in self._harness.sockets if self._harness.connection_id(name) == connection_id]
        return self._harness.owner_id(socket)

    def _event(self, number: int) -> Event:
        assert 1 <= number <= len(self._log), f"L1: event {number} was shown, but the log ends at {len(self._log)}"
        return self._log[number - 1]
