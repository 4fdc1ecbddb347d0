"""Erasure: no trace of the participant is shown afterwards, and everything else is unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Erasure, History, Json
from tests.support.message_fields import CONTENT_FIELDS


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    erasure = knowledge.history.erasure
    if erasure is None:
        return
    if erasure.done is None:
        yield Violation("contract", f"the erasure of {erasure.participant_id} did not end")
        return
    after = [call for call in erasure.calls if call.started > erasure.done]
    yield from _no_trace(knowledge.history, erasure, after)
    for log in knowledge.logs.values():
        if log.is_complete:
            yield from _all_else(log, erasure.participant_id, after)


def _no_trace(history: History, erasure: Erasure, after: list[Call]) -> Iterator[Violation]:
    """The id, the name and the unique texts of the participant are not shown."""
    sent = [
        (call.caller == erasure.participant_id, str(call.arguments["content"]))
        for call in history.calls
        if "content" in call.arguments
    ]
    theirs = {text for is_theirs, text in sent if is_theirs} - {text for is_theirs, text in sent if not is_theirs}
    traces = [
        json.dumps(trace)
        for trace in (erasure.participant_id, history.names[erasure.participant_id], *sorted(theirs))
    ]
    for call in after:
        shown = json.dumps(call.answer)
        if found := [text for text in traces if text in shown]:
            yield Violation(
                "contract", f"{erasure.participant_id} was erased, and {found} is shown: {describe(call)}"
            )


def _all_else(log: Log, participant_id: str, after: list[Call]) -> Iterator[Violation]:
    reads = [
        call
        for call in after
        if call.conversation_id == log.conversation_id and call.kind == "events" and call.is_ok
    ]
    events = {event["sequence_id"]: event for call in reads for event in call.answer["events"]}
    if not events:
        return
    if set(events) != set(range(1, max(events) + 1)):
        yield Violation(
            "L3", f"{log.conversation_id} has holes after the erasure of {participant_id}: {sorted(events)}"
        )
    aliases = {
        events[number]["sender"]["participant_id"] for number in _of(log, participant_id) if number in events
    }
    if len(aliases) > 1:
        yield Violation(
            "contract", f"{participant_id} has become several in {log.conversation_id}: {sorted(aliases)}"
        )
    was_in = participant_id in log.memberships
    if was_in and not any(event["type"] == "participant_erased" for event in events.values()):
        yield Violation("contract", f"nobody was told in {log.conversation_id} that {participant_id} was erased")
    for number, known in log.events.items():
        if (shown := events.get(number)) is None:
            yield Violation("L1", f"event {number} of {log.conversation_id} has gone with {participant_id}")
        elif problem := _changed(log, known, shown, participant_id):
            yield Violation("L1", f"the erasure of {participant_id} has changed {problem} of {known} to {shown}")


def _of(log: Log, participant_id: str) -> list[int]:
    return [number for number, event in log.events.items() if event["sender"]["participant_id"] == participant_id]


def _changed(log: Log, known: Json, shown: Json, participant_id: str) -> str:
    """Return the fields of an event that differ although they are not related to the erased participant."""
    names = ["type", "created_at", "message_id", "target", "emoji"]
    is_theirs = known["sender"]["participant_id"] == participant_id
    if not is_theirs:
        names += ["sender", "client_message_id", "reply_to"]
    if not is_theirs and not _may_be_deleted(log, known) and not _is_past_retention(log, known):
        # Mentions may have changed to a pseudonym.
        names += [name for name in CONTENT_FIELDS if name != "mentions"]
    return next((name for name in names if known.get(name) != shown.get(name)), "")


def _is_past_retention(log: Log, event: Json) -> bool:
    target = event.get("target", event["sequence_id"])
    return any(other["type"] == "content_expired" and other["up_to"] >= target for other in log.events.values())


def _may_be_deleted(log: Log, event: Json) -> bool:
    target = event.get("target", event["sequence_id"])
    return any(
        call.kind == "delete_message" and may_have_done(call) and call.arguments["target"] == target
        for call in log.calls
    )
