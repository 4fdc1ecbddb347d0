"""What happened, as seen from outside: every request, every answer, every frame, in one order of real time.

The order is a counter that every beginning and every end takes a number of, all in one thread. If the number of
A's end is below the number of B's beginning, A was over before B was sent; nothing is said about the server's
clocks. A history is all that the checker gets to see.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

LOST = "LOST"
"""Outcome of a call without an answer: whether it was done is not known."""
OK = "OK"
HTTP = "http"

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One request, by HTTP or as a command of a socket, and what came of it."""

    kind: str
    who: str
    where: str
    """The conversation, empty if it is about none in particular."""
    via: str
    """The socket's name, or `http`."""
    asked: Json
    started: int
    began: float
    outcome: str = LOST
    """OK, LOST, or the code of an error."""
    answer: Any = None
    """The body of the HTTP answer, or the frame."""
    status: int = 0
    """Of an HTTP answer."""
    ended: int | None = None
    took: float | None = None
    repeated_answers: list[Json] = field(default_factory=list)
    """The same answer once more: posts are at least once."""

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return self.outcome == OK

    @property
    def is_repeat(self) -> bool:
        """Whether the answer to a send says that the message was there already."""
        if not self.is_ok:
            return False
        return bool(self.answer["duplicate"]) if "duplicate" in self.answer else self.status == 200

    @property
    def over(self) -> float:
        """The number of its end; later than everything if there was none."""
        return float("inf") if self.ended is None else self.ended


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that a socket got without having asked for it."""

    at: int
    time: float
    who: str
    socket: str
    frame: Json


@dataclass(slots=True)
class SocketLife:
    """A socket: when it could be reached, and whether the gateway was told to treat it badly."""

    name: str
    who: str
    opened: int
    closed: int | None = None
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """What one device has of one conversation when all is quiet: a run of the log from `first` on."""

    who: str
    socket: str
    where: str
    first: int
    events: list[Json]


@dataclass(slots=True)
class Erasure:
    """What came after all else: one person was erased while others wrote on, and then everybody read it all."""

    who: str
    calls: list[Call] = field(default_factory=list)
    done: int | None = None
    """The number, in the order of these calls, from which on it was said to be done; None if it never was."""


@dataclass(slots=True)
class Expiry:
    """What came after all else: days of retention passed while people wrote on, and sweeps came."""

    since: float
    """What was past retention by then (seconds since the epoch) was to go."""
    calls: list[Call] = field(default_factory=list)
    swept: int = 0
    """The number, in the order of these calls, of the end of the last sweep."""


@dataclass(slots=True)
class History:
    """All of it."""

    people: dict[str, str] = field(default_factory=dict)
    """Names by id."""
    calls: list[Call] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    sockets: list[SocketLife] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What the server has logged as failures of its own."""
    erasure: Erasure | None = None
    expiry: Expiry | None = None
    retention_days: int = 0
    """The deployment's; 0 is for ever."""
    retention_day: float = 24 * 3600.0
    """How many seconds a day of retention is."""
    posts_are_reliable: bool = True
    calm_since: int = 0
    """When all disorder was over, and what had begun in it as well."""
    quiet_since: int = 0
    """Calls that began after this had no company, and all disorder was over."""
    fan_out_deadline: float = 1.0
    """How long an HTTP answer may wait for the fan-out, in seconds."""
    patience: float = 15.0
    """Within how many seconds a healthy client must have been served."""

    def to_json(self) -> Json:
        """For a person to look at."""
        return asdict(self)


class Recorder:
    """Writes a history; for one thread."""

    def __init__(self) -> None:
        self.history = History()
        self._order = itertools.count(1)

    def now(self) -> int:
        """The next number of the order."""
        return next(self._order)

    def begin(self, kind: str, who: str, where: str, via: str, asked: Json) -> Call:
        """A request is about to be sent."""
        call = Call(kind, who, where, via, asked, self.now(), time.monotonic())
        self.history.calls.append(call)
        return call

    def end(self, call: Call, outcome: str, answer: Any, status: int = 0) -> None:
        """Its answer is in."""
        call.outcome, call.answer, call.status = outcome, answer, status
        call.ended, call.took = self.now(), time.monotonic() - call.began

    def hear(self, who: str, socket: str, frame: Json) -> None:
        """A frame that nobody asked for is in."""
        self.history.heard.append(Heard(self.now(), time.monotonic(), who, socket, frame))

    def open(self, name: str, who: str) -> SocketLife:
        """A socket has been opened."""
        life = SocketLife(name, who, self.now())
        self.history.sockets.append(life)
        return life

    def sends(self) -> Iterator[Call]:
        """All attempts to say something."""
        return (call for call in self.history.calls if call.kind == "send")
