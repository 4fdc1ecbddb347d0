"""The log itself: durable (L1), each send once (L2), one order without holes (L3), nothing invented.

Also replayed here: every event must have been allowed to its sender by the log before it, as roles and memberships
stand in it. A message by somebody who had left, or a removal by somebody who was no moderator any more, shows that
a condition of some write was lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.laws.history.records import Call, Json

from .knowledge import Knowledge, Log, may_have_done
from .violation import Violation, told

MODERATORS = ("owner", "moderator")
_REFUSALS_OF_CONTENT = frozenset({"VALIDATION_FAILED", "FORBIDDEN"})
_COUNTED = {"join": "joined", "add": "added", "leave": "left", "remove": "removed"}


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
            yield from _Replay(log).violations()


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
    names = ("content", "reply_to", "mentions", "metadata") if "content" in event else ("reply_to",)
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
            if event.get("reason") == reason:
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


class _Replay:
    """Goes through a complete log from the beginning and looks whether each event was allowed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._roles: dict[str, str] = {}
        self._policy = ""
        self._deleted: set[int] = set()
        self._reactions: set[tuple[int, str, str]] = set()

    def violations(self) -> Iterator[Violation]:
        """Every event that the log before it does not allow."""
        for number in sorted(self._log.events):
            event = self._log.events[number]
            if problem := self._apply(event):
                yield Violation("L7", f"event {number} of {self._log.where}: {problem}: {event}")
        owners = [who for who, role in self._roles.items() if role == "owner"]
        if self._roles and not owners:
            yield Violation("contract", f"{self._log.where} has participants and no owner")

    def _apply(self, event: Json) -> str:
        who = event["sender"]["participant_id"]
        match event["type"]:
            case "conversation_created":
                self._roles = {each["participant_id"]: each["role"] for each in event["participants"]}
                self._policy = next((call.asked["join_policy"] for call in self._log.makers[1]), "")
                return ""
            case "message":
                return "" if who in self._roles else "its sender was not in"
            case "message_edited" | "message_deleted" | "reaction_added" | "reaction_removed":
                return self._change(who, event)
            case "participant_joined":
                return self._join(who, event)
            case "participant_left":
                return self._leave(who, event)
            case "participant_updated":
                return self._update(who, event["participant"])
        allowed = self._roles.get(who) in MODERATORS
        self._policy = event.get("join_policy", self._policy)
        return "" if allowed else "its sender was no moderator"

    def _change(self, who: str, event: Json) -> str:
        target = self._log.events[event["target"]]
        reaction = (event["target"], who, event.get("emoji", ""))
        if who not in self._roles:
            return "its sender was not in"
        if target["type"] != "message" or target["sequence_id"] > event["sequence_id"]:
            return "its target is no message"
        if event["target"] in self._deleted:
            return "its target was deleted"
        is_own = target["sender"]["participant_id"] == who
        match event["type"]:
            case "message_edited":
                return "" if is_own else "its sender had not written it"
            case "message_deleted":
                self._deleted.add(event["target"])
                return "" if is_own or self._roles[who] in MODERATORS else "its sender may not delete it"
            case "reaction_added":
                was_there = reaction in self._reactions
                self._reactions.add(reaction)
                return "that reaction was there" if was_there else ""
        was_there = reaction in self._reactions
        self._reactions.discard(reaction)
        return "" if was_there else "that reaction was not there"

    def _join(self, who: str, event: Json) -> str:
        person, role = event["participant"]["participant_id"], event["participant"]["role"]
        if person in self._roles:
            return "they were in already"
        self._roles[person] = role
        if event["reason"] == "joined":
            return "" if self._policy == "open" else "the conversation was not open"
        actor = self._roles.get(who)
        return "" if actor == "owner" or (actor == "moderator" and role == "member") else "its sender may not add"

    def _leave(self, who: str, event: Json) -> str:
        person = event["participant"]["participant_id"]
        actor, role = self._roles.get(who), self._roles.pop(person, None)
        if role is None:
            return "they were not in"
        if self._roles and "owner" not in self._roles.values():
            return "nobody is owner after it"
        if person == who or actor == "owner" or (actor == "moderator" and role == "member"):
            return ""
        return "its sender may not remove them"

    def _update(self, who: str, participant: Json) -> str:
        person = participant["participant_id"]
        if person not in self._roles:
            return "they were not in"
        actor = self._roles.get(who)
        self._roles[person] = participant["role"]
        if actor != "owner":
            return "its sender was no owner"
        return "" if "owner" in self._roles.values() else "nobody is owner after it"
