"""The faults that a sample of schedules must have had: those that never happen prove nothing."""

from __future__ import annotations

from tests.conformance.refusals import OF_REQUESTS, TRANSIENT

COMMANDS = (
    *("hello", "entry of hello", "subscribe", "unsubscribe", "sync", "auth", "ping", "read", "typing"),
    *("message", "edit", "delete", "react", "batch"),
)
IN_HANDLERS = ("send", "close", "open", "observe", "older", "read")
STATUSES = tuple(status for status, _ in OF_REQUESTS)
COMMON = {
    *(f"a command answered {code}" for code in TRANSIENT),
    *("a command answered by disconnect", "a push answered 410"),
    *("a command lost", "an answer lost", "a frame lost", "a frame doubled", "a frame reordered"),
}
"""The faults of both the schedules of faults and those of the list."""
FAULTS = COMMON | {
    *(f"{command} refused" for command in COMMANDS),
    *(f"/batch answered {status}" for status in STATUSES),
    *(f"{kind} in a handler" for kind in IN_HANDLERS),
    *(f"a handshake answered {status}" for status in (401, 429, 503, 0)),
    *("a batch refused for good", "a request lost", "a response lost", "a token callback failed"),
    *("a restart of the server", "a restore", "a frame of the former history", "a crash"),
    *("a full storage", "a sleep", "a clock that jumps back", "100,000 messages at once"),
}
LISTS = COMMON | {f"/conversations answered {status}" for status in STATUSES}
