"""The log itself: durable (L1), each send once (L2), one order without holes (L3), nothing invented.

That every event was allowed to its sender by the log before it is looked at in `replay.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.invariants.history.checker.knowledge import Knowledge, Log, may_have_done
from tests.invariants.history.checker.replay import Replay
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Json
from tests.support.message_fields import KEPT_BY_DELETION, MESSAGE_FIELDS

_REFUSALS_OF_CONTENT = frozenset({"VALIDATION_FAILED", "FORBIDDEN", "MUTED"})
_COUNTED = {
    "join": "joined",
    "add": "added",
    "leave": "left",
    "remove": "removed",
    "unban": "participant_unbanned",
}
"""By kind of call: the reason, or the type, of the one event that each of them makes."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for log in knowledge.logs.values():
        yield from _one_version(log)
        yield from _nothing_invented(log, knowledge.history.people)
        yield from _acknowledged(log)
        yield from _once(log)
        if log.is_live:
            yield from _contiguous(log)
        if log.is_complete:
            yield from _changes_counted(log)
            yield from Replay(log).violations()


def _one_version(log: Log) -> Iterator[Violation]:
    for number, first, second in log.conflicts:
        yield Violation("L3", f"event {number} of {log.where} in two versions: {first} and {second}")


def _contiguous(log: Log) -> Iterator[Violation]:
    missing = sorted(set(range(1, log.last + 1)) - log.final)
    if missing:
        yield Violation("L3", f"{log.where} reaches {log.last}, but nobody can read {missing}")


def _nothing_invented(log: Log, people: dict[str, str]) -> Iterator[Violation]:
    """Each event has somebody who asked for it, in time, in these words, under their own name (L7)."""
    for number, event in log.events.items():
        makers = log.makers[number]
        sender = event["sender"]
        if event["type"] == "content_expired":  # which nobody asks for: `retention.py` looks whether it was due
            if sender["participant_id"] != "service":
                yield Violation("L7", f"event {number} of {log.where} is nobody's to make: {event}")
            continue
        if not makers:
            yield Violation("L3", f"nobody asked for event {number} of {log.where}: {event}")
        elif log.done_by(number) < min(call.started for call in makers):
            yield Violation(
                "L4",
                f"event {number} of {log.where} came below what had been seen before anybody asked for it"
                f" (seen at {log.done_by(number)}): {told(makers[0])}",
            )
        elif event["type"] == "message" and not any(_same_words(event, call) for call in makers):
            yield Violation("L2", f"nobody said it in these words: {event}, but {told(makers[0])}")
        if people.get(sender["participant_id"]) != sender["name"]:
            yield Violation("L7", f"event {number} of {log.where} has a sender that nobody is: {sender}")


def _same_words(event: Json, call: Call) -> bool:
    """Whether a message is what this attempt asked for. Mentions may be absent or empty."""
    # Of what was deleted nothing is left but what it replied to.
    names = MESSAGE_FIELDS if "content" in event else KEPT_BY_DELETION
    asked: dict[str, Any] = {name: call.asked.get(name) for name in names}
    stands = {name: event.get(name) for name in asked}
    return {name: value or None for name, value in asked.items()} == {
        name: value or None for name, value in stands.items()
    }


def _acknowledged(log: Log) -> Iterator[Violation]:
    """What was acknowledged stands where it was said to stand (L1), under its sender and id (L2)."""
    for call in log.calls:
        if call.kind != "send" or not call.is_ok:
            continue
        if log.is_live and call.answer["sequence_id"] not in log.final:
            yield Violation("L1", f"acknowledged and not in the log: {told(call)}")
        event = log.events.get(call.answer["sequence_id"])
        if event is None:
            continue
        for name in ("message_id", "created_at"):
            if event.get(name) != call.answer[name]:
                yield Violation("L1", f"acknowledged with another {name} than in the log, {event}: {told(call)}")
        if event["sender"]["participant_id"] != call.who or event.get("client_message_id") != call.asked.get(
            "client_message_id"
        ):
            yield Violation("L1", f"acknowledged as another event, {event}: {told(call)}")


def _once(log: Log) -> Iterator[Violation]:
    """One event for all attempts at the same message (L2)."""
    for number in log.messages:
        event = log.events[number]
        if (twin := log.first_like(event)) != number:
            yield Violation("L2", f"the same message is event {twin} and event {number} of {log.where}: {event}")
    attempts: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in log.calls:
        if call.kind == "send" and call.asked.get("client_message_id") is not None:
            attempts[call.who, call.asked["client_message_id"]].append(call)
    for calls in attempts.values():
        answered = sorted((call for call in calls if call.is_ok), key=lambda call: call.over)
        yield from _answered_alike(answered)
        yield from _never_refused_again(calls, answered)
        yield from _first_wins(log, calls, answered)


def _answered_alike(answered: list[Call]) -> Iterator[Violation]:
    for call in answered[1:]:
        if _identity(call) != _identity(answered[0]):
            yield Violation("L2", f"a repeat was answered otherwise: {told(answered[0])} and {told(call)}")
        if call.started > answered[0].over and not call.is_repeat:
            yield Violation("L2", f"a repeat was not called one: {told(answered[0])} and {told(call)}")
    firsts = [call for call in answered if not call.is_repeat]
    if len(firsts) > 1:
        yield Violation("L2", f"two attempts are both the first: {told(firsts[0])} and {told(firsts[1])}")


def _never_refused_again(calls: list[Call], answered: list[Call]) -> Iterator[Violation]:
    """What was acknowledged once is so again, whatever the repeat says, as long as its sender is in."""
    for call in calls:
        before = [each for each in answered if each.over < call.started]
        if before and call.outcome in _REFUSALS_OF_CONTENT:
            yield Violation("L2", f"a repeat was refused: {told(before[0])} and {told(call)}")


def _first_wins(log: Log, calls: list[Call], answered: list[Call]) -> Iterator[Violation]:
    """The words in the log are of an attempt that began before the first acknowledgement."""
    if not answered:
        return
    event = log.events.get(answered[0].answer["sequence_id"])
    in_time = [call for call in calls if call.started < answered[0].over]
    if event is not None and event["type"] == "message" and not any(_same_words(event, call) for call in in_time):
        yield Violation("L2", f"the first attempt did not win: {event}, but {told(answered[0])}")


def _identity(call: Call) -> tuple[object, ...]:
    return tuple(call.answer[name] for name in ("message_id", "sequence_id", "created_at"))


def _changes_counted(log: Log) -> Iterator[Violation]:
    """As many comings and goings in the log as were acknowledged: none lost (L1), none invented."""
    for kind, reason in _COUNTED.items():
        wanted, perhaps, found = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for call in log.calls:
            target = call.asked.get("participant_id", call.who)
            leaves = call.kind == "remove" and target == call.who  # to remove oneself is to leave
            if kind == ("leave" if leaves else call.kind):
                wanted[call.who, target] += call.is_ok
                perhaps[call.who, target] += may_have_done(call) and not call.is_ok
        for event in log.events.values():
            if reason in (event.get("reason"), event["type"]):
                found[event["sender"]["participant_id"], event["participant"]["participant_id"]] += 1
        for who in wanted.keys() | found.keys():
            if not wanted[who] <= found[who] <= wanted[who] + perhaps[who]:
                yield Violation(
                    "L1",
                    f"{who[0]} was told {wanted[who]} times (and {perhaps[who]} times perhaps) that {who[1]} was"
                    f" {reason} in {log.where}, and the log says so {found[who]} times",
                )
    titles = {event.get("title") for event in log.events.values()}
    for call in log.calls:
        if call.kind == "update" and call.is_ok and call.asked.get("title", call.answer["title"]) not in titles:
            yield Violation("L1", f"a change that is not in the log: {told(call)}")
