"""Frames as tests see them: each event of an `events` push by itself."""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]


def unpacked(frame: Frame) -> list[Frame]:
    """Return an `events` push as one entry for each event, `{"type": "event", "event": …}`; others unchanged."""
    if frame.get("type") != "events":
        return [frame]
    return [{"type": "event", "event": event} for event in frame["events"]]
