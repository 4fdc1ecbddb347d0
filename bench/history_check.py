"""Check of acknowledged messages against the log that was read back afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AckedMessage:
    """One acknowledged message.

    Its `client_message_id` is the sender, a colon, and the message's number per sender.
    """

    client_message_id: str
    sequence_id: int
    latency: float
    """From the due time to the acknowledgement, including retries."""
    acked_at: float


@dataclass(slots=True)
class Violations:
    """Violations of the delivery guarantees."""

    lost: int = 0
    """Acknowledged, but not in the log under the acknowledged sequence id."""
    duplicated: int = 0
    """In the log more than once."""
    reordered: int = 0
    """Acknowledged before a later message of the same sender was sent, but after it in the log."""
    gaps: int = 0
    """Sequence ids below the end of the log without an event."""

    @property
    def total(self) -> int:
        """The sum of all violations."""
        return self.lost + self.duplicated + self.reordered + self.gaps


def find_violations(acked: Iterable[AckedMessage], log: Iterable[dict[str, Any]]) -> Violations:
    """Check the acknowledged messages against the log."""
    faults = Violations()
    places: dict[str, list[int]] = {}
    end = 0
    for event in log:
        number: int = event["sequence_id"]
        faults.gaps += number - end - 1
        end = number
        if "client_message_id" in event:
            places.setdefault(event["client_message_id"], []).append(number)
    faults.duplicated = sum(len(place) - 1 for place in places.values())
    by_sender: dict[str, list[AckedMessage]] = {}
    for item in acked:
        faults.lost += item.sequence_id not in places.get(item.client_message_id, ())
        by_sender.setdefault(item.client_message_id.rpartition(":")[0], []).append(item)
    faults.reordered = sum(map(_count_reordered, by_sender.values()))
    return faults


def _count_reordered(acked: list[AckedMessage]) -> int:
    """Count one sender's messages that precede one that was acknowledged before they were sent."""
    count, latest, waiting = 0, 0, sorted(acked, key=lambda item: item.acked_at)
    done = 0
    for entry in sorted(acked, key=lambda item: item.acked_at - item.latency):
        while waiting[done].acked_at < entry.acked_at - entry.latency:
            latest = max(latest, waiting[done].sequence_id)
            done += 1
        count += entry.sequence_id < latest
    return count
