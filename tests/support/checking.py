"""Checks of everything that a client receives: against the published documents, and against the laws of a page.

A check that fails raises AssertionError with the received value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.support import published

HISTORY_ONLY = {"edited_at", "reactions", "version"}
"""The fields of a message's current state, which events of the log never have."""
MAX_PUSH_BYTES = 32_768
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u([0-9a-fA-F]{4})")


def check_frame(text: str) -> dict[str, Any]:
    """Return the frame in a text from the WebSocket, after checking it."""
    frame = json.loads(text)
    assert isinstance(frame, dict), f"a frame must be an object, not {text[:200]}"
    escaped = [code for code in _ESCAPE.findall(text) if int(code, 16) > 0x7F]
    assert not escaped, f"characters beyond ASCII must not be escaped: \\u{escaped[0]}"
    published.check_frame(frame)
    _check_events(frame)
    return frame


def check_answer(method: str, path: str, status: int, body: Any, headers: Iterable[str] | None = None) -> None:
    """Check the body of an HTTP response of this operation and status, and the names of its headers if known."""
    published.check_answer(method, path, status, body)
    if headers is not None:
        missing = published.required_headers(method, path, status) - set(headers)
        assert not missing, f"{method} {path} {status} has no {missing}"
    assert status < 400 or body["request_id"], f"an error without a request id: {body!r:.500}"
    _check_events(body)


def _check_events(value: Any) -> None:
    """Check every event push and every page of events, at any depth."""
    if isinstance(value, list):
        for item in value:
            _check_events(item)
    elif isinstance(value, dict):
        if value.get("type") == "events":
            check_push(value)
        elif "events" in value:
            _check_log_page(value)
        for name, inner in value.items():
            if name != "metadata":
                _check_events(inner)


def check_push(push: dict[str, Any]) -> None:
    """Check a push of events: of one conversation, without gaps, as in the log, and of at most 32 KB or alone."""
    events = push["events"]
    ids = [event["sequence_id"] for event in events]
    assert ids == list(range(ids[0], ids[0] + len(ids))), f"a push with gaps: {ids}"
    assert {event["conversation_id"] for event in events} == {push["conversation_id"]}, (
        "a push of another's events"
    )
    assert not any(HISTORY_ONLY & event.keys() for event in events), "a push must have the events of the log"
    size = len(json.dumps(push, ensure_ascii=False, separators=(",", ":")).encode())
    assert len(events) == 1 or size <= MAX_PUSH_BYTES, f"a push of {len(events)} events and {size} bytes"


def _check_log_page(page: dict[str, Any]) -> None:
    """Check that a page of the log is contiguous, within the head, and complete unless `has_more` (L3, L4)."""
    ids = [event["sequence_id"] for event in page["events"]]
    updated = [event for event in page["events"] if HISTORY_ONLY & event.keys()]
    assert not updated, f"a page of the log must not have the current state of messages: {updated}"
    assert not ids or ids == list(range(ids[0], ids[-1] + 1)), f"a page with gaps: {ids}"
    assert not ids or ids[-1] <= page["head"], f"events {ids} beyond the head {page['head']}"
    if ids and ids[-1] < page["head"]:
        assert page["has_more"], f"a page without has_more that ends at {ids[-1]}, below the head {page['head']}"
