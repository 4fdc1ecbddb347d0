"""Attempts: which items form a frame, and which frames await an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .frames import FrameSender, size
from .items import Item
from .lane import Lane
from .outputs import JsonObject, Outputs, PostBatch
from .reads import ReadMarks
from .retries import ANSWER_TIMEOUT

MAX_BATCH = 24
ENVELOPE_BYTES = 100
"""Bytes of a batch besides its commands, with a reserve."""
LONGEST_ID = "0" * 16
MARK_BYTES = 42
"""Bytes of a `seen` and of the name of its history in a command, without that name itself."""


@dataclass(slots=True)
class Flight:
    """The items of one frame or request, until its answer or its deadline."""

    items: list[Item]
    deadline: float
    seen: dict[int, int] = field(default_factory=dict)
    """The read marks that its messages took along, by the number of the item: the first of each conversation."""

    def conversations(self) -> set[str]:
        """Return the conversations of its items."""
        return {item.conversation_id for item in self.items}


class Flights:
    """At most one for each conversation; its lane names it."""

    def __init__(
        self, sender: FrameSender, outputs: Outputs, reads: ReadMarks, lane: Callable[[str], Lane]
    ) -> None:
        self._sender, self._outputs, self._reads, self._lane = sender, outputs, reads, lane
        self._flights: dict[str, Flight] = {}

    def next_batch(self, lanes: Iterable[Lane], now: float) -> list[Item]:
        """Return items for one frame, from conversations without a flight."""
        batch: list[Item] = []
        free = self._sender.frame_bytes - ENVELOPE_BYTES
        mark_bytes = MARK_BYTES + len(self._sender.history_id or "")
        for lane in lanes:
            if not lane.is_ready(now):
                continue
            for item in lane.sendable():
                needed = size(item.command(LONGEST_ID)) + mark_bytes + 1
                if batch and (len(batch) == MAX_BATCH or needed > free or item.is_alone or batch[0].is_alone):
                    break
                batch.append(item)
                free -= needed
        return batch

    def start(self, batch: list[Item], now: float) -> None:
        """Send items as one frame, or by HTTP if they do not fit into one. Their attempt is recorded already."""
        flight_id = self._sender.next_id()
        flight = Flight(batch, now + ANSWER_TIMEOUT)
        commands = [item.command(flight_id if len(batch) == 1 else self._sender.next_id()) for item in batch]
        self._take_marks_along(batch, commands, flight, now)
        if size(commands[0]) > self._sender.frame_bytes:
            self._outputs.append(PostBatch(flight_id, commands))
        elif len(commands) == 1:
            self._sender.send_as_is(commands[0])
        else:
            self._sender.send_as_is({"type": "batch", "id": flight_id, "commands": commands})
        self._flights[flight_id] = flight
        for item in batch:
            self._lane(item.conversation_id).flight_id = flight_id

    def _take_marks_along(self, batch: list[Item], commands: list[JsonObject], flight: Flight, now: float) -> None:
        marked = set()
        for item, command in zip(batch, commands, strict=True):
            if not item.is_message or item.conversation_id in marked:
                continue
            marked.add(item.conversation_id)
            if (seen := self._reads.seen(item.conversation_id, now)) is not None:
                command["seen"] = flight.seen[item.number] = seen
                command["history_id"] = self._sender.history_id

    def end(self, flight_id: str) -> Flight | None:
        """Take out the flight that an answer ends, if there is one."""
        flight = self._flights.pop(flight_id, None)
        if flight is not None:
            self._land(flight)
        return flight

    def overdue(self, now: float) -> list[Flight]:
        """Take out the flights whose answer is overdue."""
        overdue = {flight_id: flight for flight_id, flight in self._flights.items() if now >= flight.deadline}
        for flight_id in overdue:
            self.end(flight_id)
        return list(overdue.values())

    def clear(self) -> None:
        """Await no answers any more."""
        for flight in self._flights.values():
            self._land(flight)
        self._flights.clear()

    def next_deadline(self) -> float | None:
        """Return when an answer is overdue."""
        return min((flight.deadline for flight in self._flights.values()), default=None)

    def _land(self, flight: Flight) -> None:
        for item in flight.items:
            self._lane(item.conversation_id).flight_id = None
