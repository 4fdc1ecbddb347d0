"""What was acknowledged, held against the log as it was read back afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AckedMessage:
    """One acknowledged message.

    Its `client_message_id` is the sender, a colon, and the number of the message among the sender's.
    """

    client_message_id: str
    sequence_id: int
    latency: float
    """From when it was due to the acknowledgement, repeats included."""
    acked_at: float


@dataclass(slots=True)
class Violations:
    """What must not be."""

    lost: int = 0
    """Acknowledged, but not in the log under the number that was acknowledged."""
    duplicated: int = 0
    """In the log more than once."""
    reordered: int = 0
    """Acknowledged before a later one of the same sender was sent, but behind it in the log."""
    gaps: int = 0
    """Numbers below the end of the log without an event."""

    @property
    def total(self) -> int:
        """Zero, if all is well."""
        return self.lost + self.duplicated + self.reordered + self.gaps


def find_violations(acked: Iterable[AckedMessage], log: Iterable[dict[str, Any]]) -> Violations:
    """Hold what was acknowledged against the log."""
    faults = Violations()
    places: dict[str, list[int]] = {}
    end = 0
    for event in log:
        number: int = event["sequence_id"]
        faults.gaps += number - end - 1
        end = number
        if "client_message_id" in event:
            places.setdefault(event["client_message_id"], []).append(number)
    faults.duplicated = sum(len(each) - 1 for each in places.values())
    by_sender: dict[str, list[AckedMessage]] = {}
    for each in acked:
        faults.lost += each.sequence_id not in places.get(each.client_message_id, ())
        by_sender.setdefault(each.client_message_id.rpartition(":")[0], []).append(each)
    faults.reordered = sum(map(_count_reordered, by_sender.values()))
    return faults


def _count_reordered(acked: list[AckedMessage]) -> int:
    """How many of one sender's messages lie before one that was acknowledged before they were sent."""
    count, latest, waiting = 0, 0, sorted(acked, key=lambda each: each.acked_at)
    done = 0
    for each in sorted(acked, key=lambda each: each.acked_at - each.latency):
        while waiting[done].acked_at < each.acked_at - each.latency:
            latest = max(latest, waiting[done].sequence_id)
            done += 1
        count += each.sequence_id < latest
    return count
