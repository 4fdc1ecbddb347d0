"""Retention: expired contents are removed, others are not, and nothing is restored.

An event announces the removal: `content_expired {up_to}`. So contents may be missing only after their expiry was
announced, and the announced events must have been old enough by the times of the log. `log.py` checks that events,
ids and times stay; the end of this module checks it for the last phase.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tests.invariants.history.checker.knowledge import Knowledge, Log, events_in, messages_in
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Expiry, History, Json
from tests.support.message_fields import CONTENT_FIELDS, KEPT_BY_DELETION

Events = Mapping[int, Json]
STALE = timedelta(seconds=5)
"""Seconds for which an expiry may follow a setting that was changed meanwhile: the deadline of an append."""
_SAYING = ("message", "message_edited")
_WITH_CONTENTS = (*CONTENT_FIELDS, "reactions", "edited_at")
_STAYING = (
    "type",
    "created_at",
    "sender",
    "message_id",
    "client_message_id",
    *KEPT_BY_DELETION,
    "target",
    "emoji",
)
_AFTER_ALL: tuple[int, Json] = (10**9, {"created_at": "9999-01-01T00:00:00.000Z"})
"""An event that follows all others, long after them."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    history = knowledge.history
    for log in knowledge.logs.values():
        if log.is_complete:
            yield from _said_in_time(log.conversation_id, log.events, history)
    for call in history.calls:
        for shown in _shown_by(call):
            log = knowledge.log(shown["conversation_id"])
            if log.is_complete and not _is_excused(shown, log.events, log, call.end_number):
                yield Violation("L1", f"contents are gone that nothing has said to be: {describe(call)}")
            yield from _says_nothing(shown, call)
    for received in history.received:
        event = received.frame.get("event", {})
        if event.get("type") in _SAYING:
            log = knowledge.log(event["conversation_id"])
            if log.is_complete and not _is_excused(event, log.events, log, received.number):
                yield Violation(
                    "L1", f"contents are gone that nothing has said to be: {received.participant_id} hears {event}"
                )
    departed = _Gone()
    yield from departed.never_back(history.calls)
    if history.expiry is not None:
        yield from departed.never_back(history.expiry.calls)
        yield from _at_the_end(knowledge, history.expiry)


# ---- announced -------------------------------------------------------------------------------------------


def _said_in_time(conversation_id: str, events: Events, history: History) -> Iterator[Violation]:
    """Each expiry covers events that were older than the retention period."""
    reached = 0
    for number, event in sorted(events.items()):
        if event["type"] != "content_expired":
            continue
        up_to = event["up_to"]
        if not reached < up_to < number:
            yield Violation("contract", f"after {reached} had expired in {conversation_id}: {event}")
            continue
        reached = up_to
        days = _least_days(events, number, event, history.retention_days)
        kept = timedelta(seconds=days * history.retention_day)
        if not days or _time(events[up_to]) >= _time(event) - kept:
            yield Violation(
                "L1", f"kept for {days} days in {conversation_id}, and gone before: {events[up_to]} by {event}"
            )


def _least_days(events: Events, number: int, then: Json, of_deployment: int) -> int:
    """Return the shortest retention period that an expiry may have applied; 0 is unlimited."""
    possible, in_force = [], 0
    for earlier in sorted(position for position in events if position < number):
        event = events[earlier]
        if "retention_days" in event:
            if _time(event) >= _time(then) - STALE:
                possible.append(in_force)
            in_force = event["retention_days"] or 0
    return min(filter(None, (*possible, in_force, of_deployment)), default=0)


def _time(event: Json) -> datetime:
    return datetime.fromisoformat(event["created_at"])


# ---- shown without contents ------------------------------------------------------------------------------


def _shown_by(call: Call) -> list[Json]:
    """Return the messages and edits that an answer contains, original or current."""
    return [*(event for event in events_in(call) if event["type"] in _SAYING), *messages_in(call)]


def _about(shown: Json) -> int:
    """Return the message that a message or an edit refers to."""
    return int(shown["target"] if "target" in shown else shown["sequence_id"])


def _which(shown: Json) -> tuple[str, int]:
    return str(shown["conversation_id"]), _about(shown)


def _is_excused(shown: Json, events: Events, log: Log | None, by: float) -> bool:
    """Whether it is shown with contents, or a deletion or expiry may have removed them by then."""
    if "content" in shown or "deleted_at" in shown:
        return True
    takers = [
        number
        for number, event in events.items()
        if (event["type"] == "content_expired" and event["up_to"] >= _about(shown))
        or (event["type"] == "message_deleted" and event["target"] == shown.get("target"))
    ]
    says_so = shown["type"] != "message" or "expired" in shown
    return says_so and any(log is None or log.not_before(taker) < by for taker in takers)


def _says_nothing(shown: Json, call: Call) -> Iterator[Violation]:
    left = [name for name in _WITH_CONTENTS if name in shown]
    if "expired" in shown and left:
        yield Violation("contract", f"{left} of what is past retention: {describe(call)}")


class _Gone:
    """Messages that were seen without contents: later requests show neither their contents nor their edits'."""

    def __init__(self) -> None:
        self._before: set[tuple[str, int]] = set()
        """The messages that were seen without contents in an earlier record."""

    def never_back(self, calls: Iterable[Call]) -> Iterator[Violation]:
        """Yield violations in a record that follows the earlier ones."""
        shown = [(call, message, _which(message)) for call in calls for message in _shown_by(call)]
        since: dict[tuple[str, int], float] = dict.fromkeys(self._before, 0.0)
        for call, message, which in shown:
            if "expired" in message:
                since[which] = min(since.get(which, call.end_number), call.end_number)
        for call, message, which in shown:
            if "content" in message and which in since and since[which] < call.started:
                yield Violation("L1", f"{which[1]} of {which[0]} had gone and is back: {describe(call)}")
        self._before |= since.keys()


# ---- last phase ------------------------------------------------------------------------------------------


def overdue(history: History, expiry: Expiry) -> list[str]:
    """Return contents that are left at the end although they had expired before the last sweep."""
    found = []
    for conversation_id, (events, calls) in _read_at_the_end(expiry).items():
        days = _least_days(events, *_AFTER_ALL, history.retention_days)
        for call in calls if days else ():
            for shown in _shown_by(call):
                sent = events.get(_about(shown))
                kept_until = _time(sent).timestamp() + days * history.retention_day if sent else expiry.since
                if "content" in shown and kept_until < expiry.since:
                    found.append(f"kept for {days} days in {conversation_id}, and still there: {shown}")
    return found


def _read_at_the_end(expiry: Expiry) -> dict[str, tuple[dict[int, Json], list[Call]]]:
    """By conversation: the log after the last sweep, and all calls that read it."""
    found: dict[str, tuple[dict[int, Json], list[Call]]] = defaultdict(lambda: ({}, []))
    for call in expiry.calls:
        if call.started > expiry.swept and call.is_ok:
            events, calls = found[call.conversation_id]
            calls.append(call)
            if call.kind == "events":
                events.update({event["sequence_id"]: event for event in call.answer["events"]})
    return dict(found)


def _at_the_end(knowledge: Knowledge, expiry: Expiry) -> Iterator[Violation]:
    history = knowledge.history
    for sentence in overdue(history, expiry):
        yield Violation("contract", sentence)
    for conversation_id, (events, calls) in _read_at_the_end(expiry).items():
        if sorted(events) != list(range(1, len(events) + 1)):
            yield Violation("L3", f"{conversation_id} has holes at the end: {sorted(events)}")
            continue
        yield from _said_in_time(conversation_id, events, history)
        for call in calls:
            for shown in _shown_by(call):
                if not _is_excused(shown, events, None, 0.0):
                    yield Violation("L1", f"contents are gone that nothing has said to be: {describe(call)}")
                yield from _says_nothing(shown, call)
        log = knowledge.log(conversation_id)
        for number, known in log.events.items() if log.is_complete else ():
            now = events.get(number)
            if now is None or any(known.get(name) != now.get(name) for name in _STAYING):
                yield Violation("L1", f"time has made {now} of {known}, in {conversation_id}")
