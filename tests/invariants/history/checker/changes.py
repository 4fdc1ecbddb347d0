"""Updates of messages: acknowledged updates are in the log, and shown messages follow from the log.

The `version` of a message is the position up to which it includes the log: it must be the result of the log up to
there, and include at least everything that had been seen before the request. Once a deletion has been seen, the
contents are not shown any more, neither in the history nor in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import (
    CHANGE_OF,
    CHANGES,
    Knowledge,
    Log,
    events_in,
    is_of_history,
    messages_in,
)
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Json
from tests.support.message_fields import for_any_reader


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for log in knowledge.logs.values():
        for call in log.calls:
            if call.is_ok and call.kind in CHANGES and call.transport != "http":
                yield from _acknowledged(log, call)
    for call in knowledge.history.calls:
        for message in messages_in(call):
            log = knowledge.log(message["conversation_id"])
            if log.is_complete:
                yield from _shown(log, call, message)
        for event in events_in(call):
            log = knowledge.log(event["conversation_id"])
            target: int = event["target"] if "target" in event else event["sequence_id"]
            if "content" in event and (deletion := _seen_deletion(log, call, target)):
                yield Violation("L1", f"a text that event {deletion} had taken away: {describe(call)}")


def _acknowledged(log: Log, call: Call) -> Iterator[Violation]:
    """Whether the named event is the update (for a missing reaction, any head)."""
    event = log.events.get(call.answer["sequence_id"])
    if log.is_live and call.answer["sequence_id"] not in log.final:
        yield Violation("L1", f"acknowledged and not in the log: {describe(call)}")
    if event is None or call.kind == "unreact":
        return
    target, emoji = call.arguments["target"], call.arguments.get("emoji")
    is_it = CHANGE_OF.get(event["type"]) == call.kind and (event["target"], event.get("emoji")) == (target, emoji)
    if call.kind == "edit":
        # It may have been a no-op from the beginning.
        is_it = is_it or (event["type"] == "message" and event["sequence_id"] == target)
        is_it = is_it and event.get("content", call.arguments["content"]) == call.arguments["content"]
    if not is_it or (call.kind != "delete_message" and event["sender"]["participant_id"] != call.caller):
        yield Violation("L1", f"acknowledged as another event, {event}: {describe(call)}")


def _shown(log: Log, call: Call, message: Json) -> Iterator[Violation]:
    number = message["sequence_id"]
    if deletion := _seen_deletion(log, call, number):
        if "content" in message:
            yield Violation("L1", f"a text that event {deletion} had taken away: {describe(call)}")
        return
    if message.get("expired"):  # `retention.py`
        return
    if "deleted_at" in message:
        if not any(event["type"] == "message_deleted" for event in _changes(log, number)):
            yield Violation(
                "L3", f"nobody has deleted message {number} of {log.conversation_id}: {describe(call)}"
            )
        return
    up_to = message["version"] if is_of_history(message) else number
    newest = max(
        (change["sequence_id"] for change in _changes(log, number) if _seen(log, call, change)), default=0
    )
    if up_to < newest:
        yield Violation(
            "L4", f"message {number} of {log.conversation_id} without event {newest}: {describe(call)}"
        )
    expected, message = _as_of(log, number, up_to), for_any_reader(message)
    if any(message.get(name) != value for name, value in expected.items()):
        yield Violation(
            "L3", f"message {number} of {log.conversation_id} was {expected} by event {up_to}: {describe(call)}"
        )


def _seen_deletion(log: Log, call: Call, number: int) -> int:
    """Return the deletion of a message that had been seen before the request, or 0."""
    for event in _changes(log, number):
        if event["type"] == "message_deleted" and _seen(log, call, event):
            return int(event["sequence_id"])
    return 0


def _seen(log: Log, call: Call, event: Json) -> bool:
    return log.done_by(event["sequence_id"]) < call.started


def _changes(log: Log, number: int) -> list[Json]:
    """Return the events that update a message."""
    return log.changes.get(number, [])


def _as_of(log: Log, number: int, up_to: int) -> Json:
    """Return the fields of a message that follow from the log up to an event, without unknown ones."""
    expected: Json = {"edited_at": None, "reactions": None}
    if "content" in log.events[number]:
        expected["content"] = log.events[number]["content"]
    counts: Counter[str] = Counter()
    for event in _changes(log, number):
        if event["sequence_id"] > up_to:
            break
        match event["type"]:
            case "message_edited":
                expected["edited_at"] = event["created_at"]
                expected.pop("content", None)
                if "content" in event:
                    expected["content"] = event["content"]
            case "reaction_added":
                counts[event["emoji"]] += 1
            case "reaction_removed":
                counts[event["emoji"]] -= 1
                counts += Counter()  # in the order of first use, without unused emoji
    expected["reactions"] = [{"emoji": emoji, "count": count} for emoji, count in counts.items()] or None
    return expected
