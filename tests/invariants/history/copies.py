"""A client's copy of a conversation's log, kept as section 6 of the contract says."""

from __future__ import annotations

from collections.abc import Sequence

from tests.invariants.history.records import Json


class LogCopy:
    """A run of the log without holes, and what was heard beyond its end."""

    def __init__(self) -> None:
        self.first = 0
        """The id it begins with; 0 as long as there is nothing to begin with."""
        self.events: list[Json] = []
        self._held: dict[int, Json] = {}

    @property
    def last(self) -> int:
        """The id up to which the copy is complete."""
        return self.first + len(self.events) - 1 if self.first else 0

    @property
    def has_gap(self) -> bool:
        """Whether something was heard beyond what comes next."""
        return bool(self._held)

    def hear(self, event: Json) -> None:
        """A push: applied in order, dropped if it is known, held back if it jumps ahead."""
        if event["sequence_id"] > self.last:
            self._held[event["sequence_id"]] = event
        self._apply()

    def begin(self, first: int) -> None:
        """A snapshot that begins with this id; ignored if the copy has begun."""
        if not self.first:
            self.first = first

    def read(self, events: Sequence[Json]) -> None:
        """A page."""
        for event in events:
            self.hear(event)

    def _apply(self) -> None:
        if not self.first:
            return
        for known in [each for each in self._held if each <= self.last]:
            del self._held[known]
        while self.last + 1 in self._held:
            self.events.append(self._held.pop(self.last + 1))
