"""The local cloud under ten times the load that it can take, and after it.

The people of one conversation first send in a closed loop, which gives the peak. Then they send at ten times that
rate without waiting for answers; messages that are refused are not repeated. Five seconds after it, the closed
loop runs again. The acknowledged messages of all three must be in the log exactly once.

The queue of the gateway fills within seconds; the rate under overload is that of the time after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from local.gateway.worker_limits import Limits
from local.settings import ROOT

from .checkout import RunningChat, running_chat
from .people import People, Person
from .stats import percentile, table
from .targets import Targets
from .websocket_frames import message_frame


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    people: int = 20
    factor: float = 10.0
    seconds: float = 10.0
    fill_seconds: float = 5.0
    """Until the queue is full, and the first messages have left it after the longest wait (`queue_timeout`)."""
    recovery_seconds: float = 5.0
    idle_seconds: float = Limits.idle_seconds + 2
    """Before threads are counted: idle workers end in this time."""
    runs: int = 3


@dataclass(slots=True)
class Flood:
    """The results of sending without waiting."""

    acked: dict[str, int] = field(default_factory=dict)
    """Sequence ids by client_message_id, also those that arrived after the end."""
    in_time: int = 0
    """Messages that were acknowledged after the queue was full and before the end."""
    sent: int = 0
    held_back: int = 0
    """Messages that were not sent, because the connection's buffers were full."""
    refused: int = 0


class Crowd(People):
    """People who can also send at a fixed rate."""

    _flood: Flood | None = None

    def flood(self, rate: float, scale: Scale) -> Flood:
        """Send so many messages per second in total, in turns, whatever the answers are."""
        self._flood = flood = Flood()
        unsent = [b"" for _ in self._members]
        started, acked_before = time.monotonic(), 0
        while (elapsed := time.monotonic() - started) < scale.fill_seconds + scale.seconds:
            if elapsed < scale.fill_seconds:
                acked_before = len(flood.acked)
            while flood.sent + flood.held_back < elapsed * rate:
                position = (flood.sent + flood.held_back) % len(self._members)
                member = self._members[position]
                unsent[position] = _write(member, unsent[position])
                if unsent[position]:
                    flood.held_back += 1
                    continue
                flood.sent += 1
                key = f"{member.name}:flood-{flood.sent}"
                unsent[position] = _write(member, message_frame(self.conversation_id, key))
            self._poll(0.005)
        flood.in_time = len(flood.acked) - acked_before
        end = time.monotonic() + scale.recovery_seconds
        while time.monotonic() < end:
            unsent = [_write(member, rest) for member, rest in zip(self._members, unsent, strict=True)]
            self._poll(0.05)
        self._flood = None
        return flood

    def _handle_frame(self, position: int, member: Person, frame: dict[str, Any]) -> None:
        if self._flood is None:
            super()._handle_frame(position, member, frame)
        elif frame.get("type") == "message_ack":
            self._flood.acked[frame["client_message_id"]] = frame["sequence_id"]
        elif frame.get("type") in ("error", None):
            self._flood.refused += 1


def _idle_threads(chat: RunningChat, scale: Scale) -> int:
    time.sleep(scale.idle_seconds)
    return chat.threads()


def _write(member: Person, data: bytes) -> bytes:
    """Send as much as the connection takes; return the rest."""
    try:
        return data[member.sock.send(data) :] if data else data
    except BlockingIOError:
        return data


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one instance."""

    peak: float
    """Messages per second in the closed loop."""
    offered: float
    overloaded: float
    """Acknowledged messages per second under overload."""
    refused: int
    held_back: int
    recovered: float
    """Messages per second in the closed loop afterwards."""
    latency: float
    latency_after: float
    """Seconds, the 95th percentile of the closed loops."""
    memory: float
    """Resident memory afterwards, relative to that after the first closed loop."""
    threads_added: int
    violations: int


def measure(root: Path, scale: Scale) -> Run:
    """Run one instance. Raises ClientFailed, ServerFailed."""
    with running_chat(root) as chat:
        names = [f"person-{number}" for number in range(scale.people)]
        people = Crowd(chat.http_url, chat.ws_url, chat.tokens(names))
        try:
            people.chat(scale.seconds / 5)
            before = people.chat(scale.seconds)
            memory, threads = chat.memory(), _idle_threads(chat, scale)
            peak = before.in_time / before.seconds
            flood = people.flood(peak * scale.factor, scale)
            after = people.chat(scale.seconds)
            return Run(
                peak=peak,
                offered=(flood.sent + flood.held_back) / (scale.fill_seconds + scale.seconds),
                overloaded=flood.in_time / scale.seconds,
                refused=flood.refused,
                held_back=flood.held_back,
                recovered=after.in_time / after.seconds,
                latency=percentile(before.latencies, 0.95),
                latency_after=percentile(after.latencies, 0.95),
                memory=chat.memory() / memory,
                threads_added=_idle_threads(chat, scale) - threads,
                violations=people.conversation.violations(before.acked | flood.acked | after.acked),
            )
        finally:
            people.close()


HEADER = (
    "peak messages/s", "offered", "acknowledged", "refused", "held back", "afterwards messages/s",
    "ack ms p95 before / after", "threads added", "memory × before", "violations",
)  # fmt: skip


def report(scale: Scale, show: Callable[[str], None], progress: Callable[[str], None], targets: Targets) -> bool:
    """Measure and print everything; return whether every acknowledged message is in the log exactly once."""
    runs = []
    for number in range(scale.runs):
        runs.append(run := measure(ROOT, scale))
        progress(f"run {number + 1}: {run.overloaded:.0f} of {run.peak:.0f} messages/s, then {run.recovered:.0f}")
    show(table(HEADER, [_row(run) for run in runs]))
    targets.at_least(
        "messages/s at 10 × overload, relative to the peak", median(r.overloaded / r.peak for r in runs), 0.8
    )
    targets.at_least(
        "messages/s 5 s after it, relative to the peak", median(r.recovered / r.peak for r in runs), 0.8
    )
    targets.at_most("threads added by an overload", max(run.threads_added for run in runs), 0)
    return all(run.violations == 0 and run.overloaded > 0 for run in runs)


def _row(run: Run) -> tuple[str, ...]:
    return (
        f"{run.peak:.0f}", f"{run.offered:.0f}", f"{run.overloaded:.0f}", f"{run.refused}", f"{run.held_back}",
        f"{run.recovered:.0f}", f"{1000 * run.latency:.0f} / {1000 * run.latency_after:.0f}",
        f"{run.threads_added}", f"{run.memory:.2f}", f"{run.violations}",
    )  # fmt: skip
