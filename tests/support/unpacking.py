"""Frames as tests see them: each event of a push, and each result of a batch, by itself."""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]


def unpacked(frame: Frame) -> list[Frame]:
    """Return an `events` push as one entry for each event, `{"type": "event", "event": …}`; others unchanged."""
    if frame.get("type") != "events":
        return [frame]
    history = {name: frame[name] for name in ("history_id",) if name in frame}
    return [{"type": "event", "event": event, **history} for event in frame["events"]]


def answers(frame: Frame) -> list[Frame]:
    """Return the results of a batch, or the frame itself."""
    return list(frame["results"]) if frame.get("type") == "batch_result" else [frame]
