"""After somebody was erased: nothing of them is shown to anybody, and all else is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Erasure, History, Json
from tests.support.message_fields import CONTENT_FIELDS


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    erasure = knowledge.history.erasure
    if erasure is None:
        return
    if erasure.done is None:
        yield Violation("contract", f"the erasure of {erasure.who} did not end")
        return
    after = [call for call in erasure.calls if call.started > erasure.done]
    yield from _no_trace(knowledge.history, erasure, after)
    for log in knowledge.logs.values():
        if log.is_complete:
            yield from _all_else(log, erasure.who, after)


def _no_trace(history: History, erasure: Erasure, after: list[Call]) -> Iterator[Violation]:
    """Neither their id nor their name nor what they alone have said."""
    said = [
        (call.who == erasure.who, str(call.asked["content"])) for call in history.calls if "content" in call.asked
    ]
    theirs = {text for is_theirs, text in said if is_theirs} - {text for is_theirs, text in said if not is_theirs}
    traces = [json.dumps(each) for each in (erasure.who, history.people[erasure.who], *sorted(theirs))]
    for call in after:
        shown = json.dumps(call.answer)
        if found := [trace for trace in traces if trace in shown]:
            yield Violation("contract", f"{erasure.who} was erased, and {found} is shown: {told(call)}")


def _all_else(log: Log, who: str, after: list[Call]) -> Iterator[Violation]:
    reads = [call for call in after if call.where == log.where and call.kind == "events" and call.is_ok]
    events = {event["sequence_id"]: event for call in reads for event in call.answer["events"]}
    if not events:
        return
    if set(events) != set(range(1, max(events) + 1)):
        yield Violation("L3", f"{log.where} has holes after the erasure of {who}: {sorted(events)}")
    aliases = {events[number]["sender"]["participant_id"] for number in _of(log, who) if number in events}
    if len(aliases) > 1:
        yield Violation("contract", f"{who} has become several in {log.where}: {sorted(aliases)}")
    was_in = who in log.stays
    if was_in and not any(event["type"] == "participant_erased" for event in events.values()):
        yield Violation("contract", f"nobody was told in {log.where} that {who} was erased")
    for number, known in log.events.items():
        if (shown := events.get(number)) is None:
            yield Violation("L1", f"event {number} of {log.where} has gone with {who}")
        elif problem := _changed(log, known, shown, who):
            yield Violation("L1", f"the erasure of {who} has changed {problem} of {known} to {shown}")


def _of(log: Log, who: str) -> list[int]:
    return [number for number, event in log.events.items() if event["sender"]["participant_id"] == who]


def _changed(log: Log, known: Json, shown: Json, who: str) -> str:
    """What of an event is another than before, although it has nothing to do with who was erased."""
    names = ["type", "created_at", "message_id", "target", "emoji"]
    is_theirs = known["sender"]["participant_id"] == who
    if not is_theirs:
        names += ["sender", "client_message_id", "reply_to"]
    if not is_theirs and not _may_be_deleted(log, known) and not _is_past_retention(log, known):
        # Mentions may have changed to a pseudonym.
        names += [name for name in CONTENT_FIELDS if name != "mentions"]
    return next((name for name in names if known.get(name) != shown.get(name)), "")


def _is_past_retention(log: Log, event: Json) -> bool:
    target = event.get("target", event["sequence_id"])
    return any(each["type"] == "content_expired" and each["up_to"] >= target for each in log.events.values())


def _may_be_deleted(log: Log, event: Json) -> bool:
    target = event.get("target", event["sequence_id"])
    return any(
        call.kind == "take_back" and may_have_done(call) and call.asked["target"] == target for call in log.calls
    )
