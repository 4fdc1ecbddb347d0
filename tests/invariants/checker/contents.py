"""The events, messages and sequence ids in a frame or response."""

from __future__ import annotations

from typing import Any

from tests.invariants.checker.log_state import Event


def events_in(said: Any) -> list[Event]:
    """Return the events of a frame or response."""
    if not isinstance(said, dict):
        return []
    if said.get("type") == "event":
        return [said["event"]]
    if "message_id" in said and "version" not in said and "type" in said and said["type"] == "message":
        return [said]
    events: list[Event] = said.get("events", [])
    return events


def messages_in(said: Any) -> list[Event]:
    """Return the messages of a frame or response, in the versions of that time."""
    if not isinstance(said, dict):
        return []
    if "version" in said:
        return [said]
    found: list[Event] = [*said.get("messages", [])]
    for holder in (said, said.get("conversation", {})):
        found += [holder["last_message"]] if "last_message" in holder else []
    return found


def numbers_in(said: Any) -> list[int]:
    """Return all sequence ids that a frame or response reveals."""
    if not isinstance(said, dict):
        return []
    shown = (*events_in(said), *messages_in(said))
    numbers = [event.get("version", event["sequence_id"]) for event in shown]
    numbers += [reaction["sequence_id"] for reaction in said.get("reactions", ()) if "sequence_id" in reaction]
    numbers += [said[name] for name in ("head", "sequence_id") if name in said]
    return numbers + list((said.get("heads") or {}).values())


def page_is_a_prefix(page: dict[str, Any], end: int) -> None:
    """L4: no gap, and `has_more` unless the page ends at the head."""
    ids = [event["sequence_id"] for event in page["events"]]
    assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else True, f"L4: a page with a hole: {ids}"
    assert page["head"] <= end, f"L3: a head of {page['head']}, but the log ends at {end}"
    if ids and not page["has_more"]:
        assert ids[-1] == page["head"], f"L4: a page that ends at {ids[-1]} below the head {page['head']}"
