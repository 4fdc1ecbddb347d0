"""The events of one conversation that a client has: contiguous from a marked start up to its position."""

from __future__ import annotations

from collections.abc import Iterable

from .outputs import JsonObject

MAX_HELD = 500
"""How many events are held after a gap. Later ones are dropped; they come again by `sync`."""


class Timeline:
    """Applies events in order, drops known ones, and holds those after a gap."""

    def __init__(self) -> None:
        self.events: dict[int, JsonObject] = {}
        self.start: int | None = None
        """The sequence id of the first event; None before the first page."""
        self.position = 0
        """The sequence id of the last event, or of the one before `start` if there is none."""
        self.head = 0
        """The highest sequence id that the log is known to have."""
        self._held: dict[int, JsonObject] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether there is a marked start."""
        return self.start is not None

    @property
    def is_behind(self) -> bool:
        """Whether the log has events after the position."""
        return self.is_loaded and self.head > self.position

    def clear(self) -> None:
        """Discard everything: it is of another history."""
        self.events = {}
        self.start = None
        self.position = self.head = 0
        self._held = {}

    def resume(self, position: int) -> None:
        """Begin with the event after a stored position."""
        self.start, self.position, self.head = position + 1, position, max(self.head, position)

    def load(self, first: int, events: Iterable[JsonObject], head: int) -> list[JsonObject]:
        """Begin anew with a page of the newest events, and return all events from its marked start.

        Held events stay: pushes can arrive before the page that precedes them.
        """
        self.events = {}
        self.resume(first - 1)
        self.note_head(head)
        return self.apply(events)

    def note_head(self, head: int) -> None:
        """Remember that the log has events up to this one."""
        self.head = max(self.head, head)

    def apply(self, events: Iterable[JsonObject]) -> list[JsonObject]:
        """Add events in any order, and return those that now follow the position."""
        released: list[JsonObject] = []
        known, held, position, is_loaded = self.events, self._held, self.position, self.is_loaded
        for event in events:
            number = event["sequence_id"]
            if number == position + 1 and is_loaded and number not in held:
                position = number
                known[number] = event
                released.append(event)
                continue
            if number > position and (number == position + 1 or len(held) < MAX_HELD):
                held.setdefault(number, event)
            self.note_head(number)
        self.position = position
        self.note_head(position)
        return self._release(released) if is_loaded and held else released

    def _release(self, released: list[JsonObject]) -> list[JsonObject]:
        """Add the held events that now follow the position to those that do."""
        while (event := self._held.pop(self.position + 1, None)) is not None:
            self.position += 1
            self.events[self.position] = event
            released.append(event)
        self._held = {number: event for number, event in self._held.items() if number > self.position}
        return released

    def prepend(self, events: Iterable[JsonObject]) -> None:
        """Move the start back to the first of events that end just before it. Raises ValueError after a gap."""
        older = {event["sequence_id"]: event for event in events}
        if self.start is None or sorted(older) != list(range(self.start - len(older), self.start)):
            raise ValueError(f"older events must be contiguous up to the marked start, {self.start}")
        self.events |= older
        self.start -= len(older)

    def trim(self, count: int) -> list[JsonObject]:
        """Forget the oldest events but `count` ones, and return them; the start moves forward."""
        forgotten = []
        while self.start is not None and len(self.events) > count:
            forgotten.append(self.events.pop(self.start))
            self.start += 1
        return forgotten
