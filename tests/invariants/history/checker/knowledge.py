"""The knowledge that a history gives about each conversation's log, with bounds on the times of events.

Clients do not see commits. But an event was not committed before its first request started, nor before the start
of a read that showed a shorter log; and it was committed by the time when it, or a later one, was seen. Rules
about time use these bounds, `not_before` and `done_by`, so that every violation that they report is real.
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
"""Outcomes after which it is unknown whether the call took effect."""
CHANGE_OF = {
    "message_edited": "edit",
    "message_deleted": "delete_message",
    "reaction_added": "react",
    "reaction_removed": "unreact",
}
"""By type of event: the kind of call that causes it."""
CHANGES = frozenset(CHANGE_OF.values())
"""The kinds of calls that update a message."""
_EVENTS_IN = frozenset({"events", "sync", "subscribe"})
_TAKEN = (*CONTENT_FIELDS, "deleted_at", "expired")


def may_have_done(call: Call) -> bool:
    """Whether a call may have taken effect.

    A join or an update is answered with a view of the conversation, or with NOT_FOUND if the caller was removed by
    then.
    """
    if call.kind in ("join", "update") and call.outcome == "NOT_FOUND":
        return True
    return call.outcome == OK or call.outcome in UNCERTAIN


def events_in(call: Call) -> Iterator[Json]:
    """Return every event that an answer contains, in its original version."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    if call.kind == "send" and call.transport == "http":
        yield call.answer
    if call.kind in _EVENTS_IN:
        yield from call.answer["events"]


def messages_in(call: Call) -> Iterator[Json]:
    """Return every message that an answer contains, in its version of that time."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    answer = call.answer
    if call.kind == "edit" and call.transport == "http":
        yield answer
    if call.kind in ("messages", "view"):
        yield from answer["messages"]
    for view in (answer, *answer.get("conversations", ())):
        if "last_message" in view:
            yield view["last_message"]


def is_of_history(message: Json) -> bool:
    """Whether a message was updated, so that it differs from its event."""
    return "version" in message


def without_content(event: Json) -> Json:
    """Return what a deletion or expiry leaves of an event, without the fields that differ between them."""
    return {name: value for name, value in event.items() if name not in _TAKEN}


def heads_in(call: Call) -> Iterator[tuple[str, int]]:
    """Return every head that an answer contains, by conversation."""
    if not call.is_ok or not isinstance(call.answer, dict):
        return
    answer = call.answer
    if call.kind == "ping":
        yield from answer.get("heads", {}).items()
        return
    if isinstance(answer.get("head"), int):
        yield call.conversation_id, answer["head"]
    for view in answer.get("conversations", ()):
        yield view["conversation_id"], view["head"]


@dataclass(frozen=True, slots=True)
class Membership:
    """One membership: from the event that started it to the event that ended it."""

    since: int
    until: float
    """The id of the event that ended it; `EVER` if none did."""
    not_before: float
    """It cannot have started before this number."""
    begun_before: float
    not_over_before: float
    over_before: float


class Log:
    """The log of one conversation, combined from everything that clients saw."""

    def __init__(self, conversation_id: str, calls: list[Call], history: History) -> None:
        self.conversation_id = conversation_id
        self.calls = calls
        """All calls about the conversation."""
        self._history = history
        self.events: dict[int, Json] = {}
        self.conflicts: list[tuple[int, Json, Json]] = []
        self._seen: list[tuple[int, int]] = []
        self._lengths: list[tuple[int, int]] = []

    # ---- observations ----------------------------------------------------------------------------------

    def observe_event(self, event: Json, at: int) -> None:
        """Note that an event was seen."""
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
        """Whether one version is what a deletion or expiry leaves of the other."""
        if one["type"] not in ("message", "message_edited") or without_content(one) != without_content(other):
            return False
        return any((name in one) != (name in other) for name in ("content", "expired"))

    def observe_head(self, head: int, call: Call) -> None:
        """Note that a head was seen."""
        self._seen.append((head, call.ended or 0))
        self._lengths.append((head, call.started))

    def observe_push(self, number: int, at: int) -> None:
        """Note that an event with this id exists."""
        self._seen.append((number, at))

    # ---- conclusions -----------------------------------------------------------------------------------

    @functools.cached_property
    def last(self) -> int:
        """The highest id that was seen."""
        return max((number for number, _ in self._seen), default=0)

    @functools.cached_property
    def final(self) -> set[int]:
        """The ids that could be read at the end; empty if the conversation could not be read."""
        quiet = self._history.quiet_since
        last_reads = [call for call in self.calls if call.kind == "events" and call.is_ok and call.started > quiet]
        return {event["sequence_id"] for call in last_reads for event in call.answer["events"]}

    @property
    def is_live(self) -> bool:
        """Whether the conversation could be read at the end."""
        return bool(self._history.quiet_since and self.final)

    @functools.cached_property
    def is_complete(self) -> bool:
        """Whether every event from the first to the last is known."""
        return self.is_live and set(self.events) == set(range(1, self.last + 1))

    @functools.cached_property
    def messages(self) -> list[int]:
        """The ids of the messages."""
        return sorted(number for number, event in self.events.items() if event["type"] == "message")

    @functools.cached_property
    def changes(self) -> dict[int, list[Json]]:
        """By message: the events that update it, in order."""
        found: dict[int, list[Json]] = defaultdict(list)
        for _, event in sorted(self.events.items()):
            if "target" in event:
                found[event["target"]].append(event)
        return dict(found)

    @functools.cached_property
    def first_messages(self) -> dict[tuple[str, str], int]:
        """The first event of each send: by its sender and client id, or its text if there is none."""
        found: dict[tuple[str, str], int] = {}
        for number in self.messages:
            event = self.events[number]
            found.setdefault((event["sender"]["participant_id"], _send_key(event)), number)
        return found

    def first_like(self, event: Json) -> int:
        """Return the id of the first message of the same send."""
        return self.first_messages[event["sender"]["participant_id"], _send_key(event)]

    @functools.cached_property
    def possible_causes(self) -> dict[int, list[Call]]:
        """By event: the calls that may have caused it."""
        index = _Causes(self.calls)
        return {number: index.of(event) for number, event in self.events.items()}

    def done_by(self, number: int) -> float:
        """Return the number by which the event was committed: it, or a later one, had been seen."""
        numbers, times = self._first_sightings
        place = bisect.bisect_left(numbers, number)
        return times[place] if place < len(times) else EVER

    @functools.cached_property
    def _first_sightings(self) -> tuple[list[int], list[float]]:
        earliest: dict[int, float] = {}
        for number, at in self._seen:
            earliest[number] = min(at, earliest.get(number, EVER))
        numbers = sorted(earliest)
        times = list(itertools.accumulate((earliest[position] for position in reversed(numbers)), min))[::-1]
        return numbers, times

    def not_before(self, number: int) -> float:
        """Return the number before which the event was not committed."""
        shorter = max((started for head, started in self._lengths if head < number), default=0)
        return max(shorter, self._asked_since[min(number, self.last)] if self.last else 0)

    @functools.cached_property
    def _asked_since(self) -> list[float]:
        """By id: the start of the first call that may have caused it, or one below it."""
        first = [
            min((call.started for call in self.possible_causes.get(number, ())), default=0)
            for number in range(self.last + 1)
        ]
        return list(itertools.accumulate(first, max))

    def certain_causes(self, number: int) -> list[Call]:
        """Return the calls that certainly caused an event; for a message, the one acknowledged as the first."""
        if self.events[number]["type"] == "message":
            return [call for call in self.possible_causes[number] if call.is_ok and not call.is_repeat]
        done, earliest = self.done_by(number), self.not_before(number)
        possible = [
            call for call in self.possible_causes[number] if call.started < done and earliest < call.end_number
        ]
        return possible if len(possible) == 1 else []

    def known_at(self, moment: float) -> int:
        """Return the highest id that had been seen before this number."""
        return max((number for number, at in self._seen if at < moment), default=0)

    # ---- members ---------------------------------------------------------------------------------------

    @functools.cached_property
    def memberships(self) -> dict[str, list[Membership]]:
        """The memberships of each participant, in order. Only for a complete log."""
        open_since: dict[str, int] = {}
        found: dict[str, list[Membership]] = defaultdict(list)
        for number in sorted(self.events):
            event = self.events[number]
            match event["type"]:
                case "conversation_created":
                    open_since |= {founder["participant_id"]: number for founder in event["participants"]}
                case "participant_joined":
                    open_since.setdefault(event["participant"]["participant_id"], number)
                case "participant_left":
                    participant = event["participant"]["participant_id"]
                    if participant in open_since:
                        found[participant].append(
                            self._membership(open_since.pop(participant), number, found[participant])
                        )
        for participant, since in open_since.items():
            found[participant].append(self._membership(since, EVER, found[participant]))
        return dict(found)

    def _membership(self, since: int, until: float, before: list[Membership]) -> Membership:
        over = EVER if until == EVER else self.not_before(int(until))
        earlier = before[-1].not_over_before if before else 0
        makers = [call.started for call in self.possible_causes[since] if call.end_number > earlier]
        return Membership(
            since,
            until,
            not_before=max(self.not_before(since), min(makers, default=0)),
            begun_before=self.done_by(since),
            not_over_before=over,
            over_before=EVER if until == EVER else self.done_by(int(until)),
        )

    @functools.cached_property
    def ending(self) -> tuple[float, float]:
        """The bounds of the deletion or closing; both `EVER` if there was none."""
        ends = [call for call in self.calls if _ends(call)]
        maybe = [call for call in self.calls if call.kind == "delete" and call.outcome in UNCERTAIN]
        return (
            min((call.started for call in (*ends, *maybe)), default=EVER),
            min((call.end_number for call in ends), default=EVER),
        )


def _ends(call: Call) -> bool:
    if call.kind == "leave":
        return call.is_ok and bool(call.answer["remaining_participants"] == 0)
    return call.kind == "delete" and call.is_ok


class _Causes:
    """Finds the calls that may have caused an event."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self._by_kind: dict[str, list[Call]] = defaultdict(list)
        self._sends: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for call in calls:
            if not may_have_done(call):
                continue
            if call.kind == "send":
                self._sends[call.caller, _send_key(call.arguments)].append(call)
            else:
                self._by_kind[call.kind].append(call)

    def of(self, event: Json) -> list[Call]:
        sender = event["sender"]["participant_id"]
        target = event.get("participant", {}).get("participant_id")
        match event["type"], event.get("reason"):
            case "message", _:
                if "content" in event or "client_message_id" in event:
                    return self._sends[sender, _send_key(event)]
                nameless = [
                    calls for (of, key), calls in self._sends.items() if of == sender and key[:4] == "text"
                ]
                return [call for calls in nameless for call in calls]
            case kind, _ if kind in CHANGE_OF:
                sent = {name: event[name] for name in ("target", "content", "emoji") if name in event}
                return self._by(sender, CHANGE_OF[kind], **sent)
            case "conversation_created", _:
                return self._by(sender, "create")
            case "participant_joined", "joined" | "accepted":
                return self._by(sender, "join") if target == sender else []
            case "participant_joined", _:
                return self._by(sender, "add", participant_id=target)
            case "participant_left", "left":
                return (
                    self._by(sender, "leave") + self._by(sender, "remove", participant_id=sender)
                    if target == sender
                    else []
                )
            case ("participant_left", "banned") | ("participant_banned", _):
                return self._by(sender, "ban", participant_id=target)
            case "participant_unbanned", _:
                return self._by(sender, "unban", participant_id=target)
            case "participant_left", _:
                return self._by(sender, "remove", participant_id=target)
            case "participant_updated", _:
                return (
                    self._by(sender, "role", participant_id=target, role=event["participant"]["role"])
                    + self._by(sender, "mute", participant_id=target)
                    + self._by(sender, "leave")
                    + self._by(sender, "remove", participant_id=sender)
                )
            case "conversation_updated", _:
                names = ("title", "join_policy", "metadata", "retention_days")
                changes = {name: event[name] for name in names if name in event}
                return self._by(sender, "update", **changes)
        return []

    def _by(self, sender: str, kind: str, **arguments: object) -> list[Call]:
        return [
            call
            for call in self._by_kind[kind]
            if call.caller == sender
            and all(call.arguments.get(name) == value for name, value in arguments.items())
        ]


def _send_key(of: Json) -> str:
    """Return the link between an event and its attempts: the client id, or the text, which is unique."""
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
            by_place[call.conversation_id].append(call)
        self.logs = {
            conversation_id: Log(conversation_id, calls, history)
            for conversation_id, calls in by_place.items()
            if conversation_id
        }
        for call in history.calls:
            self._add_call(call)
        for received in history.received:
            if received.frame.get("type") == "event":
                event = received.frame["event"]
                self.log(event["conversation_id"]).observe_event(event, received.number)
        for copy in history.replicas:
            for event in copy.events:
                self.log(copy.conversation_id).observe_event(event, history.quiet_since + 10**9)

    def log(self, conversation_id: str) -> Log:
        """Return the log of a conversation."""
        if conversation_id not in self.logs:
            self.logs[conversation_id] = Log(conversation_id, [], self.history)
        return self.logs[conversation_id]

    def _add_call(self, call: Call) -> None:
        if not call.is_ok or call.ended is None:
            return
        for event in events_in(call):
            self.log(event["conversation_id"]).observe_event(event, call.ended)
        for message in messages_in(call):
            log = self.log(message["conversation_id"])
            if is_of_history(message):
                log.observe_push(message["version"], call.ended)
            else:
                log.observe_event(message, call.ended)
        for conversation_id, head in heads_in(call):
            self.log(conversation_id).observe_head(head, call)
        if call.kind == "send" or (call.kind in CHANGES and call.transport != "http"):
            self.log(call.conversation_id).observe_push(call.answer["sequence_id"], call.ended)
