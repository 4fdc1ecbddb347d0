"""Retention: what is past it says nothing any more, what is within it does, and nothing comes back.

That contents are gone is said by an event before they go: `content_expired {up_to}`. So whatever is shown without
its contents must have been said to be gone, and what was said to be gone must have been old enough, by the times
of the log itself. Places, ids and times stay: that is for `log.py` to see, and for the end of it here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tests.invariants.history.checker.knowledge import Knowledge, Log, events_in, messages_in
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Expiry, History, Json
from tests.support.message_fields import CONTENT_FIELDS, KEPT_BY_DELETION

Events = Mapping[int, Json]
STALE = timedelta(seconds=5)
"""How long an expiry may go by a number of days that was changed meanwhile: so long is an append tried."""
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
    """All of it."""
    history = knowledge.history
    for log in knowledge.logs.values():
        if log.is_complete:
            yield from _said_in_time(log.where, log.events, history)
    for call in history.calls:
        for shown in _shown_by(call):
            log = knowledge.log(shown["conversation_id"])
            if log.is_complete and not _is_excused(shown, log.events, log, call.over):
                yield Violation("L1", f"contents are gone that nothing has said to be: {told(call)}")
            yield from _says_nothing(shown, call)
    for heard in history.heard:
        event = heard.frame.get("event", {})
        if event.get("type") in _SAYING:
            log = knowledge.log(event["conversation_id"])
            if log.is_complete and not _is_excused(event, log.events, log, heard.at):
                yield Violation("L1", f"contents are gone that nothing has said to be: {heard.who} hears {event}")
    gone = _Gone()
    yield from gone.never_back(history.calls)
    if history.expiry is not None:
        yield from gone.never_back(history.expiry.calls)
        yield from _at_the_end(knowledge, history.expiry)


# ---- said to be gone -------------------------------------------------------------------------------------


def _said_in_time(where: str, events: Events, history: History) -> Iterator[Violation]:
    """Each expiry is of events that were past retention by then."""
    reached = 0
    for number, event in sorted(events.items()):
        if event["type"] != "content_expired":
            continue
        up_to = event["up_to"]
        if not reached < up_to < number:
            yield Violation("contract", f"after {reached} had expired in {where}: {event}")
            continue
        reached = up_to
        days = _least_days(events, number, event, history.retention_days)
        kept = timedelta(seconds=days * history.retention_day)
        if not days or _time(events[up_to]) >= _time(event) - kept:
            yield Violation("L1", f"kept for {days} days in {where}, and gone before: {events[up_to]} by {event}")


def _least_days(events: Events, number: int, then: Json, of_deployment: int) -> int:
    """The shortest retention that an expiry of this number may have gone by; 0 is for ever."""
    possible, in_force = [], 0
    for earlier in sorted(each for each in events if each < number):
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
    """The messages and edits that an answer shows, in the log or as they then were."""
    return [*(each for each in events_in(call) if each["type"] in _SAYING), *messages_in(call)]


def _about(shown: Json) -> int:
    """The message that a message or an edit is about."""
    return int(shown["target"] if "target" in shown else shown["sequence_id"])


def _which(shown: Json) -> tuple[str, int]:
    return str(shown["conversation_id"]), _about(shown)


def _is_excused(shown: Json, events: Events, log: Log | None, by: float) -> bool:
    """Whether something is shown with its contents, or a deletion or an expiry may have taken them by then."""
    if "content" in shown or "deleted_at" in shown:
        return True
    takers = [
        number
        for number, event in events.items()
        if (event["type"] == "content_expired" and event["up_to"] >= _about(shown))
        or (event["type"] == "message_deleted" and event["target"] == shown.get("target"))
    ]
    says_so = shown["type"] != "message" or "expired" in shown
    return says_so and any(log is None or log.not_before(each) < by for each in takers)


def _says_nothing(shown: Json, call: Call) -> Iterator[Violation]:
    left = [name for name in _WITH_CONTENTS if name in shown]
    if "expired" in shown and left:
        yield Violation("contract", f"{left} of what is past retention: {told(call)}")


class _Gone:
    """What was seen to say nothing any more: who asks after that is not shown what it, or an edit of it, said."""

    def __init__(self) -> None:
        self._before: set[tuple[str, int]] = set()
        """The messages of which that was seen in an earlier record."""

    def never_back(self, calls: Iterable[Call]) -> Iterator[Violation]:
        """Those who are shown it all the same, in a record that follows the earlier ones."""
        shown = [(call, each, _which(each)) for call in calls for each in _shown_by(call)]
        since: dict[tuple[str, int], float] = dict.fromkeys(self._before, 0.0)
        for call, each, which in shown:
            if "expired" in each:
                since[which] = min(since.get(which, call.over), call.over)
        for call, each, which in shown:
            if "content" in each and which in since and since[which] < call.started:
                yield Violation("L1", f"{which[1]} of {which[0]} had gone and is back: {told(call)}")
        self._before |= since.keys()


# ---- the end ---------------------------------------------------------------------------------------------


def overdue(history: History, expiry: Expiry) -> list[str]:
    """What still says something at the end, although it was past retention before the last sweep."""
    found = []
    for where, (events, calls) in _read_at_the_end(expiry).items():
        days = _least_days(events, *_AFTER_ALL, history.retention_days)
        for call in calls if days else ():
            for shown in _shown_by(call):
                said = events.get(_about(shown))
                kept_until = _time(said).timestamp() + days * history.retention_day if said else expiry.since
                if "content" in shown and kept_until < expiry.since:
                    found.append(f"kept for {days} days in {where}, and still there: {shown}")
    return found


def _read_at_the_end(expiry: Expiry) -> dict[str, tuple[dict[int, Json], list[Call]]]:
    """By conversation: the log as it was read after the last sweep, and all calls that read of it."""
    found: dict[str, tuple[dict[int, Json], list[Call]]] = defaultdict(lambda: ({}, []))
    for call in expiry.calls:
        if call.started > expiry.swept and call.is_ok:
            events, calls = found[call.where]
            calls.append(call)
            if call.kind == "events":
                events.update({event["sequence_id"]: event for event in call.answer["events"]})
    return dict(found)


def _at_the_end(knowledge: Knowledge, expiry: Expiry) -> Iterator[Violation]:
    history = knowledge.history
    for sentence in overdue(history, expiry):
        yield Violation("contract", sentence)
    for where, (events, calls) in _read_at_the_end(expiry).items():
        if sorted(events) != list(range(1, len(events) + 1)):
            yield Violation("L3", f"{where} has holes at the end: {sorted(events)}")
            continue
        yield from _said_in_time(where, events, history)
        for call in calls:
            for shown in _shown_by(call):
                if not _is_excused(shown, events, None, 0.0):
                    yield Violation("L1", f"contents are gone that nothing has said to be: {told(call)}")
                yield from _says_nothing(shown, call)
        log = knowledge.log(where)
        for number, known in log.events.items() if log.is_complete else ():
            now = events.get(number)
            if now is None or any(known.get(name) != now.get(name) for name in _STAYING):
                yield Violation("L1", f"time has made {now} of {known}, in {where}")
