"""A history as clients see it: all requests, responses and pushes, in real-time order.

The order is a counter in one thread: each start and each end takes the next number. If A's end has a lower number
than B's start, then A had ended before B was sent. The clocks of the server are not used. The checker sees only
the history.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

LOST = "LOST"
"""The outcome of a call without an answer: its effect is unknown."""
OK = "OK"
SUPERSEDED = "SUPERSEDED"
"""The outcome of a command that a later one of its connection has overtaken."""
HTTP = "http"

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One request by HTTP or one socket command, and its outcome."""

    kind: str
    caller: str
    conversation_id: str
    """Empty if the call is not about one conversation."""
    transport: str
    """The name of the socket, or `http`."""
    arguments: Json
    started: int
    start_time: float
    outcome: str = LOST
    """OK, LOST, or an error code."""
    answer: Any = None
    """The body of the response, or the reply frame."""
    status: int = 0
    """Of an HTTP response."""
    ended: int | None = None
    duration: float | None = None
    repeated_answers: list[Json] = field(default_factory=list)
    """Duplicates of the reply: posts are at-least-once."""

    @property
    def is_ok(self) -> bool:
        """Whether it succeeded."""
        return self.outcome == OK

    @property
    def is_repeat(self) -> bool:
        """Whether the answer to a send marks it as a duplicate."""
        if not self.is_ok:
            return False
        return bool(self.answer["duplicate"]) if "duplicate" in self.answer else self.status == 200

    @property
    def end_number(self) -> float:
        """The number of its end; infinite if there was none."""
        return float("inf") if self.ended is None else self.ended


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A push that a socket received."""

    number: int
    time: float
    participant_id: str
    socket: str
    frame: Json


@dataclass(slots=True)
class SocketRecord:
    """A socket: when it was open, and whether its posts were made to fail."""

    name: str
    participant_id: str
    opened: int
    closed: int | None = None
    is_faulty: bool = False


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """A client's replica of a conversation at the end: a contiguous part of the log that begins at `first`."""

    participant_id: str
    socket: str
    conversation_id: str
    first: int
    events: list[Json]


@dataclass(slots=True)
class Erasure:
    """The erasure phase: one participant is erased while others send, then all read everything."""

    participant_id: str
    calls: list[Call] = field(default_factory=list)
    done: int | None = None
    """The number, in the order of these calls, at which the erasure was reported as done; None if never."""


@dataclass(slots=True)
class Expiry:
    """The retention phase: days pass while participants send, and sweeps run."""

    since: float
    """Contents that had expired by then (seconds since the epoch) must be removed."""
    calls: list[Call] = field(default_factory=list)
    swept: int = 0
    """The number, in the order of these calls, of the end of the last sweep."""


@dataclass(slots=True)
class History:
    """The whole history."""

    names: dict[str, str] = field(default_factory=dict)
    """Names by id."""
    calls: list[Call] = field(default_factory=list)
    received: list[ReceivedFrame] = field(default_factory=list)
    sockets: list[SocketRecord] = field(default_factory=list)
    replicas: list[ReplicaRecord] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Failures that the server logged."""
    erasure: Erasure | None = None
    expiry: Expiry | None = None
    retention_days: int = 0
    """The deployment's setting; 0 is unlimited."""
    retention_day: float = 24 * 3600.0
    """Seconds of a day of retention."""
    posts_are_reliable: bool = True
    calm_since: int = 0
    """The number at which all faults had ended, with everything that had begun during them."""
    quiet_since: int = 0
    """Calls after this number were neither concurrent with others nor subject to faults."""
    fan_out_deadline: float = 1.0
    """Seconds that an HTTP response may wait for the fan-out."""
    timeout: float = 15.0
    """Seconds within which a healthy client must have been served."""

    def to_json(self) -> Json:
        """Return the history as JSON values, for reading."""
        return asdict(self)


class Recorder:
    """Records a history, in one thread."""

    def __init__(self) -> None:
        self.history = History()
        self._order = itertools.count(1)

    def now(self) -> int:
        """Return the next number of the order."""
        return next(self._order)

    def begin(self, kind: str, participant_id: str, conversation_id: str, via: str, asked: Json) -> Call:
        """Record the start of a request."""
        call = Call(kind, participant_id, conversation_id, via, asked, self.now(), time.monotonic())
        self.history.calls.append(call)
        return call

    def end(self, call: Call, outcome: str, answer: Any, status: int = 0) -> None:
        """Record its answer."""
        call.outcome, call.answer, call.status = outcome, answer, status
        call.ended, call.duration = self.now(), time.monotonic() - call.start_time

    def receive(self, participant_id: str, socket: str, frame: Json) -> None:
        """Record a push."""
        self.history.received.append(ReceivedFrame(self.now(), time.monotonic(), participant_id, socket, frame))

    def open(self, name: str, participant_id: str) -> SocketRecord:
        """Record a new socket."""
        life = SocketRecord(name, participant_id, self.now())
        self.history.sockets.append(life)
        return life

    def sends(self) -> Iterator[Call]:
        """Return all attempts to send a message."""
        return (call for call in self.history.calls if call.kind == "send")
