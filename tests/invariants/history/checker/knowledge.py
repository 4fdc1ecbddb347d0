"""What can be known from outside about each conversation's log, with bounds on when things happened.

Nobody outside sees a commit. But an event was not committed before somebody began to ask for it, nor before a read
began that showed a shorter log; and it was committed by the time anybody saw it, or anything beyond it. Rules
that speak of time use these bounds, `not_before` and `done_by`, so that what they call a violation is one.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.invariants.history.records import OK, Call, History, Json
from tests.support.message_fields import CONTENT_FIELDS

EVER = float("inf")
UNCERTAIN = frozenset({"LOST", "UNAVAILABLE", "INTERNAL"})
"""Outcomes after which a change may have been made or not."""
CHANGE_OF = {
    "message_edited": "edit",
    "message_deleted": "take_back",
    "reaction_added": "react",
    "reaction_removed": "unreact",
}
"""By type of event: the kind of call that makes it."""
CHANGES = frozenset(CHANGE_OF.values())
"""The kinds of calls that change a message."""
_EVENTS_IN = frozenset({"events", "sync", "subscribe"})
_TAKEN = (*CONTENT_FIELDS, "deleted_at", "expired")


def may_have_done(call: Call) -> bool:
    """Whether a call may have changed something.

    Who joins or changes a conversation is answered with a view of it, and with NOT_FOUND if they are out by then.
    """
    if call.kind in ("join", "update") and call.outcome == "NOT_FOUND":
        return True
    return call.outcome == OK or call.outcome in UNCERTAIN


def events_in(call: Call) -> Iterator[Json]:
    """Every event that an answer shows, as it was."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    if call.kind == "send" and call.via == "http":
        yield call.answer
    if call.kind in _EVENTS_IN:
        yield from call.answer["events"]


def messages_in(call: Call) -> Iterator[Json]:
    """Every message that an answer shows, as it then was."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    answer = call.answer
    if call.kind == "edit" and call.via == "http":
        yield answer
    if call.kind in ("messages", "look"):
        yield from answer["messages"]
    for view in (answer, *answer.get("conversations", ())):
        if "last_message" in view:
            yield view["last_message"]


def is_of_history(message: Json) -> bool:
    """Whether a message has changed since it was said, so that it is no event of the log as it was."""
    return "version" in message


def emptied(event: Json) -> Json:
    """What a deletion or the end of retention leaves of an event, but for when and which of them that was."""
    return {name: value for name, value in event.items() if name not in _TAKEN}


def heads_in(call: Call) -> Iterator[tuple[str, int]]:
    """Every head that an answer names, with its conversation."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    answer = call.answer
    if call.kind == "ping":
        yield from answer.get("heads", {}).items()
        return
    if isinstance(answer.get("head"), int):
        yield call.where, answer["head"]
    for view in answer.get("conversations", ()):
        yield view["conversation_id"], view["head"]


@dataclass(frozen=True, slots=True)
class Stay:
    """One membership: from the event that began it to the one that ended it."""

    since: int
    until: float
    """The id of the event that ended it; `EVER` if none did."""
    not_before: float
    """It cannot have begun before."""
    begun_by: float
    not_over_before: float
    over_by: float


class Log:
    """One conversation's log as everybody together saw it."""

    def __init__(self, where: str, calls: list[Call], history: History) -> None:
        self.where = where
        self.calls = calls
        """All calls about it."""
        self._history = history
        self.events: dict[int, Json] = {}
        self.conflicts: list[tuple[int, Json, Json]] = []
        self._seen: list[tuple[int, int]] = []
        self._lengths: list[tuple[int, int]] = []

    # ---- gathering -------------------------------------------------------------------------------------

    def saw(self, event: Json, at: int) -> None:
        """Somebody saw an event."""
        number = event["sequence_id"]
        known = self.events.setdefault(number, event)
        if known != event:
            if not self._differ_by_what_is_gone(known, event):
                self.conflicts.append((number, known, event))
            elif "content" in event:
                self.events[number] = event
        self._seen.append((number, at))

    @staticmethod
    def _differ_by_what_is_gone(one: Json, other: Json) -> bool:
        """Whether one is what a deletion or the end of retention has left of the other."""
        if one["type"] not in ("message", "message_edited") or emptied(one) != emptied(other):
            return False
        return any((name in one) != (name in other) for name in ("content", "expired"))

    def saw_length(self, head: int, call: Call) -> None:
        """Somebody was told how long it is."""
        self._seen.append((head, call.ended or 0))
        self._lengths.append((head, call.started))

    def was_told(self, number: int, at: int) -> None:
        """Somebody was told that there is an event of this id."""
        self._seen.append((number, at))

    # ---- what follows ----------------------------------------------------------------------------------

    @functools.cached_property
    def last(self) -> int:
        """The highest id that anybody saw."""
        return max((number for number, _ in self._seen), default=0)

    @functools.cached_property
    def final(self) -> set[int]:
        """The ids of what could be read when all was quiet; empty if nobody could read it any more."""
        quiet = self._history.quiet_since
        last_reads = [call for call in self.calls if call.kind == "events" and call.is_ok and call.started > quiet]
        return {event["sequence_id"] for call in last_reads for event in call.answer["events"]}

    @property
    def is_live(self) -> bool:
        """Whether somebody could still read it when all was quiet."""
        return bool(self._history.quiet_since and self.final)

    @functools.cached_property
    def is_complete(self) -> bool:
        """Whether every event from the first to the last is known, and there can be no more."""
        return self.is_live and set(self.events) == set(range(1, self.last + 1))

    @functools.cached_property
    def messages(self) -> list[int]:
        """The ids of the messages."""
        return sorted(number for number, event in self.events.items() if event["type"] == "message")

    @functools.cached_property
    def changes(self) -> dict[int, list[Json]]:
        """By message: the events that change it, in order."""
        found: dict[int, list[Json]] = defaultdict(list)
        for _, event in sorted(self.events.items()):
            if "target" in event:
                found[event["target"]].append(event)
        return dict(found)

    @functools.cached_property
    def first_messages(self) -> dict[tuple[str, str], int]:
        """Where each message is first: by its sender and the client's id, or the text if there is none."""
        found: dict[tuple[str, str], int] = {}
        for number in self.messages:
            event = self.events[number]
            found.setdefault((event["sender"]["participant_id"], _send_key(event)), number)
        return found

    def first_like(self, event: Json) -> int:
        """The id of the first message that is the same send as this one."""
        return self.first_messages[event["sender"]["participant_id"], _send_key(event)]

    @functools.cached_property
    def makers(self) -> dict[int, list[Call]]:
        """By event: the calls that may have made it."""
        index = _Makers(self.calls)
        return {number: index.of(event) for number, event in self.events.items()}

    def done_by(self, number: int) -> float:
        """By then the event was committed: somebody had seen it, or one beyond it."""
        numbers, times = self._first_sightings
        place = bisect.bisect_left(numbers, number)
        return times[place] if place < len(times) else EVER

    @functools.cached_property
    def _first_sightings(self) -> tuple[list[int], list[float]]:
        earliest: dict[int, float] = {}
        for number, at in self._seen:
            earliest[number] = min(at, earliest.get(number, EVER))
        numbers = sorted(earliest)
        times = list(itertools.accumulate((earliest[each] for each in reversed(numbers)), min))[::-1]
        return numbers, times

    def not_before(self, number: int) -> float:
        """Before that the event was not committed: nobody had asked for it, or the log was seen to be shorter."""
        shorter = max((began for head, began in self._lengths if head < number), default=0)
        return max(shorter, self._asked_since[min(number, self.last)] if self.last else 0)

    @functools.cached_property
    def _asked_since(self) -> list[float]:
        """By id: when the first call began that may have made it, or one below it."""
        first = [
            min((call.started for call in self.makers.get(number, ())), default=0)
            for number in range(self.last + 1)
        ]
        return list(itertools.accumulate(first, max))

    def certain_makers(self, number: int) -> list[Call]:
        """The calls that are sure to have made an event; of a message, what is acknowledged as the first."""
        if self.events[number]["type"] == "message":
            return [call for call in self.makers[number] if call.is_ok and not call.is_repeat]
        done, earliest = self.done_by(number), self.not_before(number)
        possible = [call for call in self.makers[number] if call.started < done and earliest < call.over]
        return possible if len(possible) == 1 else []

    def known_at(self, moment: float) -> int:
        """The highest id that somebody had seen before this moment."""
        return max((number for number, at in self._seen if at < moment), default=0)

    # ---- who is in -------------------------------------------------------------------------------------

    @functools.cached_property
    def stays(self) -> dict[str, list[Stay]]:
        """By person, in order. Only of a complete log."""
        open_since: dict[str, int] = {}
        found: dict[str, list[Stay]] = defaultdict(list)
        for number in sorted(self.events):
            event = self.events[number]
            match event["type"]:
                case "conversation_created":
                    open_since |= {each["participant_id"]: number for each in event["participants"]}
                case "participant_joined":
                    open_since.setdefault(event["participant"]["participant_id"], number)
                case "participant_left":
                    person = event["participant"]["participant_id"]
                    if person in open_since:
                        found[person].append(self._stay(open_since.pop(person), number, found[person]))
        for person, since in open_since.items():
            found[person].append(self._stay(since, EVER, found[person]))
        return dict(found)

    def _stay(self, since: int, until: float, before: list[Stay]) -> Stay:
        over = EVER if until == EVER else self.not_before(int(until))
        earlier = before[-1].not_over_before if before else 0
        makers = [call.started for call in self.makers[since] if call.over > earlier]
        return Stay(
            since,
            until,
            not_before=max(self.not_before(since), min(makers, default=0)),
            begun_by=self.done_by(since),
            not_over_before=over,
            over_by=EVER if until == EVER else self.done_by(int(until)),
        )

    @functools.cached_property
    def ending(self) -> tuple[float, float]:
        """Between which moments it was deleted or left by all; both `EVER` if it was not."""
        ends = [call for call in self.calls if _ends(call)]
        maybe = [call for call in self.calls if call.kind == "delete" and call.outcome in UNCERTAIN]
        return (
            min((call.started for call in (*ends, *maybe)), default=EVER),
            min((call.over for call in ends), default=EVER),
        )


def _ends(call: Call) -> bool:
    if call.kind == "leave":
        return call.is_ok and bool(call.answer["remaining_participants"] == 0)
    return call.kind == "delete" and call.is_ok


class _Makers:
    """Finds the calls that may have made an event."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self._by_kind: dict[str, list[Call]] = defaultdict(list)
        self._sends: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for call in calls:
            if not may_have_done(call):
                continue
            if call.kind == "send":
                self._sends[call.who, _send_key(call.asked)].append(call)
            else:
                self._by_kind[call.kind].append(call)

    def of(self, event: Json) -> list[Call]:
        who = event["sender"]["participant_id"]
        target = event.get("participant", {}).get("participant_id")
        match event["type"], event.get("reason"):
            case "message", _:
                if "content" in event or "client_message_id" in event:
                    return self._sends[who, _send_key(event)]
                nameless = [calls for (of, key), calls in self._sends.items() if of == who and key[:4] == "text"]
                return [call for calls in nameless for call in calls]
            case kind, _ if kind in CHANGE_OF:
                said = {name: event[name] for name in ("target", "content", "emoji") if name in event}
                return self._by(who, CHANGE_OF[kind], **said)
            case "conversation_created", _:
                return self._by(who, "create")
            case "participant_joined", "joined":
                return self._by(who, "join") if target == who else []
            case "participant_joined", _:
                return self._by(who, "add", participant_id=target)
            case "participant_left", "left":
                return (
                    self._by(who, "leave") + self._by(who, "remove", participant_id=who) if target == who else []
                )
            case ("participant_left", "banned") | ("participant_banned", _):
                return self._by(who, "ban", participant_id=target)
            case "participant_unbanned", _:
                return self._by(who, "unban", participant_id=target)
            case "participant_left", _:
                return self._by(who, "remove", participant_id=target)
            case "participant_updated", _:
                return (
                    self._by(who, "role", participant_id=target, role=event["participant"]["role"])
                    + self._by(who, "mute", participant_id=target)
                    + self._by(who, "leave")
                    + self._by(who, "remove", participant_id=who)
                )
            case "conversation_updated", _:
                names = ("title", "join_policy", "metadata", "retention_days")
                changes = {name: event[name] for name in names if name in event}
                return self._by(who, "update", **changes)
        return []

    def _by(self, who: str, kind: str, **asked: object) -> list[Call]:
        return [
            call
            for call in self._by_kind[kind]
            if call.who == who and all(call.asked.get(name) == value for name, value in asked.items())
        ]


def _send_key(of: Json) -> str:
    """What ties an event to the attempts for it: the client's id, or else the text, of which each is said once."""
    if of.get("client_message_id") is not None:
        return f"id {of['client_message_id']}"
    if "content" not in of:
        return f"message {of['message_id']}"
    return f"text {of.get('content')}"


class Knowledge:
    """A history with a log for each conversation."""

    def __init__(self, history: History) -> None:
        self.history = history
        by_place: dict[str, list[Call]] = defaultdict(list)
        for call in history.calls:
            by_place[call.where].append(call)
        self.logs = {where: Log(where, calls, history) for where, calls in by_place.items() if where}
        for call in history.calls:
            self._add_call(call)
        for heard in history.heard:
            if heard.frame.get("type") == "event":
                event = heard.frame["event"]
                self.log(event["conversation_id"]).saw(event, heard.at)
        for copy in history.copies:
            for event in copy.events:
                self.log(copy.where).saw(event, history.quiet_since + 10**9)

    def log(self, where: str) -> Log:
        """A conversation's log."""
        if where not in self.logs:
            self.logs[where] = Log(where, [], self.history)
        return self.logs[where]

    def _add_call(self, call: Call) -> None:
        if not call.is_ok or call.ended is None:
            return
        for event in events_in(call):
            self.log(event["conversation_id"]).saw(event, call.ended)
        for message in messages_in(call):
            log = self.log(message["conversation_id"])
            if is_of_history(message):
                log.was_told(message["version"], call.ended)
            else:
                log.saw(message, call.ended)
        for where, head in heads_in(call):
            self.log(where).saw_length(head, call)
        if call.kind == "send" or (call.kind in CHANGES and call.via != "http"):
            self.log(call.where).was_told(call.answer["sequence_id"], call.ended)
