"""A client's replica of a conversation's log, as section 6 of the protocol describes it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.invariants.history.records import Json


class Replica:
    """A contiguous part of the log, and the events that were received beyond a gap."""

    def __init__(self) -> None:
        self.first = 0
        """The first sequence id; 0 if the replica has not started."""
        self.events: list[Json] = []
        self._held: dict[int, Json] = {}

    @property
    def last(self) -> int:
        """The last sequence id without a gap."""
        return self.first + len(self.events) - 1 if self.first else 0

    @property
    def has_gap(self) -> bool:
        """Whether events were received beyond a gap."""
        return bool(self._held)

    def receive(self, event: Json) -> None:
        """Receive a push: apply it in order, drop it if it is known, hold it back after a gap."""
        if event["sequence_id"] > self.last:
            self._held[event["sequence_id"]] = event
        self._apply()

    def start(self, first: int) -> None:
        """Start with the first sequence id of a snapshot, unless the replica has started."""
        if not self.first:
            self.first = first

    def receive_page(self, events: Sequence[Json]) -> None:
        """Receive the events of a page."""
        for event in events:
            self.receive(event)

    def _apply(self) -> None:
        if not self.first:
            return
        for known in [sequence_id for sequence_id in self._held if sequence_id <= self.last]:
            del self._held[known]
        while self.last + 1 in self._held:
            self.events.append(self._held.pop(self.last + 1))
