"""A client's view of one conversation, by the rules of docs/protocol.md ("Rules for clients")."""

from __future__ import annotations

from typing import Any

from chalicelib.core.kernel.history_id import HistoryId

Event = dict[str, Any]


class ClientView:
    """The events that a client shows, and the messages that it takes to be sent."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.history_id: HistoryId | None = None
        self.resolved: dict[str, int] = {}
        """The sequence id of each acknowledged message, by its client message id."""
        self._first = 0
        """The sequence id of the first event that is shown; 0 if none is known."""
        self._events: dict[int, Event] = {}

    @property
    def shown(self) -> list[Event]:
        """The events from the marked start to the first gap."""
        end = self._first
        while end in self._events:
            end += 1
        return [self._events[number] for number in range(self._first, end)]

    @property
    def position(self) -> int:
        """The sequence id of the last event that is shown."""
        return self._first + len(self.shown) - 1

    def named(self) -> dict[str, Any]:
        """Return the position as the fields of a command."""
        known = {} if self.history_id is None else {"history_id": str(self.history_id)}
        return {**known, "after": self.position} if self._first else known

    def receive(self, frame: dict[str, Any]) -> None:
        """Take a frame: accept a newer history, ignore an older one."""
        if "history_id" in frame and not self._accepts(HistoryId.parse(frame["history_id"])):
            return
        match frame["type"]:
            case "subscribed" | "sync":
                self._take_page(frame)
            case "events" if frame["conversation_id"] == self.conversation_id:
                self._take(frame["events"])
            case "message_ack":
                self.resolved[frame["client_message_id"]] = frame["sequence_id"]

    def _accepts(self, named: HistoryId) -> bool:
        if self.history_id is not None and self.history_id.is_newer_than(named):
            return False
        if self.history_id is None or named.is_newer_than(self.history_id):
            self.history_id = named
            self._first, self._events, self.resolved = 0, {}, {}
        return True

    def _take_page(self, page: dict[str, Any]) -> None:
        if page.get("reset"):
            self._first, self._events = 0, {}
        self._take(page["events"])
        if not self._first and page["events"]:
            self._first = page["events"][0]["sequence_id"]

    def _take(self, events: list[Event]) -> None:
        for event in events:
            self._events.setdefault(event["sequence_id"], event)
