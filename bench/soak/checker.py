"""The check of a soak run: each participant's view, and all acknowledgements, against the log as it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .participant import Acknowledged, View, checksum


@dataclass(slots=True)
class Verdict:
    """Violations; all must be 0."""

    lost: int = 0
    """Acknowledged, but not in the log at the acknowledged place; or in the log, but not in a complete view."""
    doubled: int = 0
    """The same client_message_id twice in the log."""
    reordered: int = 0
    """In the log before an event that was acknowledged before it was sent."""
    gaps: int = 0
    """Missing sequence ids in the log."""
    contradictions: int = 0
    """Events whose content differs between log, pushes and pages."""

    @property
    def total(self) -> int:
        """The sum of all violations."""
        return sum(getattr(self, field.name) for field in fields(self))

    def add(self, other: Verdict) -> None:
        """Add another verdict to this one."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def check(log: Sequence[Mapping[str, Any]], acked: Sequence[Acknowledged], views: Sequence[View]) -> Verdict:
    """Check one conversation; every view must be complete."""
    verdict = Verdict()
    numbers = [event["sequence_id"] for event in log]
    verdict.gaps = sum(number != place for place, number in enumerate(numbers, 1))
    keys = [event["client_message_id"] for event in log if "client_message_id" in event]
    verdict.doubled = len(keys) - len(set(keys))
    by_number = {event["sequence_id"]: event for event in log}
    for item in acked:
        event = by_number.get(item.sequence_id)
        verdict.lost += event is None or bool(item.key and event.get("client_message_id") != item.key)
    verdict.reordered = _count_reordered(acked)
    checksums = [checksum(event) for event in log]
    for view in views:
        verdict.lost += max(len(checksums) - len(view.checksums), 0)
        verdict.contradictions += view.contradictions
        verdict.contradictions += sum(a != b for a, b in zip(view.checksums, checksums, strict=False))
        verdict.contradictions += max(len(view.checksums) - len(checksums), 0)
    return verdict


def _count_reordered(acked: Sequence[Acknowledged]) -> int:
    """Count messages with a lower sequence id than one that was acknowledged before they were sent."""
    messages = [item for item in acked if item.key]  # the ack of a no-op update names an earlier event
    done = sorted(messages, key=lambda item: item.acked_at)
    highest, position, count = 0, 0, 0
    for item in sorted(messages, key=lambda item: item.sent_at):
        while done[position].acked_at < item.sent_at:
            highest = max(highest, done[position].sequence_id)
            position += 1
        count += item.sequence_id < highest
    return count
