"""Messages that were changed: what was acknowledged is in the log, and what is shown is what the log says.

A message in history says by `version` how much of the log is in it: it must be what the log makes of it up to
there, and that may be no less than what had been seen before it was asked for. Once somebody had seen a deletion,
nobody is shown the text any more, neither by history nor by the log.
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
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Json


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for log in knowledge.logs.values():
        for call in log.calls:
            if call.is_ok and call.kind in CHANGES and call.via != "http":
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
                yield Violation("L1", f"a text that event {deletion} had taken away: {told(call)}")


def _acknowledged(log: Log, call: Call) -> Iterator[Violation]:
    """The event that is named makes it so (what is to be taken back may not be there: then it is any head)."""
    event = log.events.get(call.answer["sequence_id"])
    if log.is_live and call.answer["sequence_id"] not in log.final:
        yield Violation("L1", f"acknowledged and not in the log: {told(call)}")
    if event is None or call.kind == "unreact":
        return
    target, emoji = call.asked["target"], call.asked.get("emoji")
    is_it = CHANGE_OF.get(event["type"]) == call.kind and (event["target"], event.get("emoji")) == (target, emoji)
    if call.kind == "edit":
        # It may have said so from the beginning.
        is_it = is_it or (event["type"] == "message" and event["sequence_id"] == target)
        is_it = is_it and event.get("content", call.asked["content"]) == call.asked["content"]
    if not is_it or (call.kind != "take_back" and event["sender"]["participant_id"] != call.who):
        yield Violation("L1", f"acknowledged as another event, {event}: {told(call)}")


def _shown(log: Log, call: Call, message: Json) -> Iterator[Violation]:
    number = message["sequence_id"]
    if deletion := _seen_deletion(log, call, number):
        if "content" in message:
            yield Violation("L1", f"a text that event {deletion} had taken away: {told(call)}")
        return
    if message.get("expired"):  # `retention.py`
        return
    if "deleted_at" in message:
        if not any(event["type"] == "message_deleted" for event in _changes(log, number)):
            yield Violation("L3", f"nobody has deleted message {number} of {log.where}: {told(call)}")
        return
    up_to = message["version"] if is_of_history(message) else number
    newest = max((each["sequence_id"] for each in _changes(log, number) if _seen(log, call, each)), default=0)
    if up_to < newest:
        yield Violation("L4", f"message {number} of {log.where} without event {newest}: {told(call)}")
    expected = _as_of(log, number, up_to)
    if any(message.get(name) != value for name, value in expected.items()):
        yield Violation("L3", f"message {number} of {log.where} was {expected} by event {up_to}: {told(call)}")


def _seen_deletion(log: Log, call: Call, number: int) -> int:
    """The deletion of a message, if somebody had seen it before this was asked; 0 otherwise."""
    for event in _changes(log, number):
        if event["type"] == "message_deleted" and _seen(log, call, event):
            return int(event["sequence_id"])
    return 0


def _seen(log: Log, call: Call, event: Json) -> bool:
    return log.done_by(event["sequence_id"]) < call.started


def _changes(log: Log, number: int) -> list[Json]:
    """The events that change a message."""
    return log.changes.get(number, [])


def _as_of(log: Log, number: int, up_to: int) -> Json:
    """What of a message follows from the log up to an event. What is not known any more is left out."""
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
                counts += Counter()  # in the order of first use, and without what nobody uses
    expected["reactions"] = [{"emoji": emoji, "count": count} for emoji, count in counts.items()] or None
    return expected
