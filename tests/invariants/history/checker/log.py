"""The log: durable (L1), each send once (L2), one order without gaps (L3), nothing invented.

`replay.py` checks that the log before each event allowed it to its sender.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.invariants.history.checker.knowledge import Knowledge, Log, may_have_done
from tests.invariants.history.checker.replay import Replay
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Json
from tests.support.message_fields import KEPT_BY_DELETION, MESSAGE_FIELDS

_REFUSALS_OF_CONTENT = frozenset({"VALIDATION_FAILED", "FORBIDDEN", "MUTED"})
_COUNTED = {
    "join": ("joined", "accepted"),
    "add": ("added",),
    "leave": ("left",),
    "remove": ("removed",),
    "unban": ("participant_unbanned",),
}
"""By kind of call: the reasons, or the type, of the one event that each of them causes."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for log in knowledge.logs.values():
        yield from _one_version(log)
        yield from _nothing_invented(log, knowledge.history.names)
        yield from _acknowledged(log)
        yield from _once(log)
        if log.is_live:
            yield from _contiguous(log)
        if log.is_complete:
            yield from _changes_counted(log)
            yield from Replay(log).violations()


def _one_version(log: Log) -> Iterator[Violation]:
    for number, first, second in log.conflicts:
        yield Violation("L3", f"event {number} of {log.conversation_id} in two versions: {first} and {second}")


def _contiguous(log: Log) -> Iterator[Violation]:
    missing = sorted(set(range(1, log.last + 1)) - log.final)
    if missing:
        yield Violation("L3", f"{log.conversation_id} reaches {log.last}, but nobody can read {missing}")


def _nothing_invented(log: Log, people: dict[str, str]) -> Iterator[Violation]:
    """Each event has a request in time, with these contents, of the sender under their name (L7)."""
    for number, event in log.events.items():
        makers = log.possible_causes[number]
        sender = event["sender"]
        if event["type"] == "content_expired":  # without a request: `retention.py` checks that it was due
            if sender["participant_id"] != "service":
                yield Violation("L7", f"event {number} of {log.conversation_id} is nobody's to make: {event}")
            continue
        if not makers:
            yield Violation("L3", f"nobody asked for event {number} of {log.conversation_id}: {event}")
        elif log.done_by(number) < min(call.started for call in makers):
            yield Violation(
                "L4",
                f"event {number} of {log.conversation_id} is below a position seen before any request for it"
                f" (seen at {log.done_by(number)}): {describe(makers[0])}",
            )
        elif event["type"] == "message" and not any(_same_words(event, call) for call in makers):
            yield Violation("L2", f"nobody said it in these words: {event}, but {describe(makers[0])}")
        if people.get(sender["participant_id"]) != sender["name"]:
            yield Violation("L7", f"event {number} of {log.conversation_id} has a sender that nobody is: {sender}")


def _same_words(event: Json, call: Call) -> bool:
    """Whether a message has the contents of this attempt. Mentions may be absent or empty."""
    # Only `reply_to` is left of a deleted message.
    names = MESSAGE_FIELDS if "content" in event else KEPT_BY_DELETION
    asked: dict[str, Any] = {name: call.arguments.get(name) for name in names}
    stands = {name: event.get(name) for name in asked}
    return {name: value or None for name, value in asked.items()} == {
        name: value or None for name, value in stands.items()
    }


def _acknowledged(log: Log) -> Iterator[Violation]:
    """Acknowledged events are where they were acknowledged (L1), with their sender and id (L2)."""
    for call in log.calls:
        if call.kind != "send" or not call.is_ok:
            continue
        if log.is_live and call.answer["sequence_id"] not in log.final:
            yield Violation("L1", f"acknowledged and not in the log: {describe(call)}")
        event = log.events.get(call.answer["sequence_id"])
        if event is None:
            continue
        for name in ("message_id", "created_at"):
            if event.get(name) != call.answer[name]:
                yield Violation(
                    "L1", f"acknowledged with another {name} than in the log, {event}: {describe(call)}"
                )
        if event["sender"]["participant_id"] != call.caller or event.get(
            "client_message_id"
        ) != call.arguments.get("client_message_id"):
            yield Violation("L1", f"acknowledged as another event, {event}: {describe(call)}")


def _once(log: Log) -> Iterator[Violation]:
    """There is one event for all attempts at the same message (L2)."""
    for number in log.messages:
        event = log.events[number]
        if (twin := log.first_like(event)) != number:
            yield Violation(
                "L2", f"the same message is event {twin} and event {number} of {log.conversation_id}: {event}"
            )
    attempts: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in log.calls:
        if call.kind == "send" and call.arguments.get("client_message_id") is not None:
            attempts[call.caller, call.arguments["client_message_id"]].append(call)
    for calls in attempts.values():
        answered = sorted((call for call in calls if call.is_ok), key=lambda call: call.end_number)
        yield from _answered_alike(answered)
        yield from _never_refused_again(calls, answered)
        yield from _first_wins(log, calls, answered)


def _answered_alike(answered: list[Call]) -> Iterator[Violation]:
    for call in answered[1:]:
        if _identity(call) != _identity(answered[0]):
            yield Violation("L2", f"a repeat was answered otherwise: {describe(answered[0])} and {describe(call)}")
        if call.started > answered[0].end_number and not call.is_repeat:
            yield Violation("L2", f"a repeat was not called one: {describe(answered[0])} and {describe(call)}")
    firsts = [call for call in answered if not call.is_repeat]
    if len(firsts) > 1:
        yield Violation("L2", f"two attempts are both the first: {describe(firsts[0])} and {describe(firsts[1])}")


def _never_refused_again(calls: list[Call], answered: list[Call]) -> Iterator[Violation]:
    """A repeat of an acknowledged message is acknowledged alike while its sender is a member."""
    for call in calls:
        before = [earlier for earlier in answered if earlier.end_number < call.started]
        if before and call.outcome in _REFUSALS_OF_CONTENT:
            yield Violation("L2", f"a repeat was refused: {describe(before[0])} and {describe(call)}")


def _first_wins(log: Log, calls: list[Call], answered: list[Call]) -> Iterator[Violation]:
    """The contents in the log are those of an attempt that started before the first acknowledgement."""
    if not answered:
        return
    event = log.events.get(answered[0].answer["sequence_id"])
    in_time = [call for call in calls if call.started < answered[0].end_number]
    if event is not None and event["type"] == "message" and not any(_same_words(event, call) for call in in_time):
        yield Violation("L2", f"the first attempt did not win: {event}, but {describe(answered[0])}")


def _identity(call: Call) -> tuple[object, ...]:
    return tuple(call.answer[name] for name in ("message_id", "sequence_id", "created_at"))


def _changes_counted(log: Log) -> Iterator[Violation]:
    """The log contains exactly the acknowledged arrivals and departures: none lost (L1), none invented."""
    for kind, reasons in _COUNTED.items():
        wanted, perhaps, found = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for call in log.calls:
            target = call.arguments.get("participant_id", call.caller)
            leaves = call.kind == "remove" and target == call.caller  # removing oneself counts as leaving
            if kind == ("leave" if leaves else call.kind):
                wanted[call.caller, target] += call.is_ok
                perhaps[call.caller, target] += may_have_done(call) and not call.is_ok
        for event in log.events.values():
            if event.get("reason") in reasons or event["type"] in reasons:
                found[event["sender"]["participant_id"], event["participant"]["participant_id"]] += 1
        for pair in wanted.keys() | found.keys():
            if not wanted[pair] <= found[pair] <= wanted[pair] + perhaps[pair]:
                actor, target = pair
                yield Violation(
                    "L1",
                    f"{wanted[pair]} (perhaps {perhaps[pair]} more) acknowledged to {actor}: {target} {reasons[0]}"
                    f" in {log.conversation_id}; in the log: {found[pair]}",
                )
    titles = {event.get("title") for event in log.events.values()}
    for call in log.calls:
        if (
            call.kind == "update"
            and call.is_ok
            and call.arguments.get("title", call.answer["title"]) not in titles
        ):
            yield Violation("L1", f"an update that is not in the log: {describe(call)}")
