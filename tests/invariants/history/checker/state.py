"""What everybody sees when all is quiet follows from the log: who is in, what is unread, which conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Json


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    quiet = knowledge.history.quiet_since
    for log in knowledge.logs.values():
        yield from _pointers_never_go_back(log)
        if not log.is_complete:
            continue
        for call in log.calls:
            if call.kind == "look" and call.is_ok and call.started > quiet and call.answer["head"] == log.last:
                yield from _view(log, call, call.answer)
                yield from _people(log, call)
    yield from _lists(knowledge)


def _view(log: Log, call: Call, view: Json) -> Iterator[Violation]:
    """Title, size, and the reader's own pointer."""
    titles = [event["title"] for _, event in sorted(log.events.items()) if "title" in event]
    inside = _roster(log)
    pointer, unread = view["read_up_to"], view["unread_count"]
    messages = sum(1 for number in log.messages if number > pointer)
    if titles and view["title"] != titles[-1]:
        yield Violation("L3", f"the title of {log.where} is {titles[-1]!r}: {told(call)}")
    if view["participant_count"] != len(inside):
        yield Violation("L3", f"{log.where} has {len(inside)} participants: {told(call)}")
    if unread != messages:
        yield Violation("contract", f"{messages} messages of {log.where} are after {pointer}: {told(call)}")
    least, most = _pointer_bounds(log, call.who)
    if not least <= pointer <= most:
        yield Violation(
            "contract",
            f"the read pointer of {call.who} in {log.where} is between {least} and {most}: {told(call)}",
        )


def _pointer_bounds(log: Log, who: str) -> tuple[int, int]:
    """How far a person's read pointer must have come, and how far it can have come."""
    stays = log.stays.get(who, [])
    first = stays[0].since if stays else 0
    said = max(
        (number for number in log.messages if log.events[number]["sender"]["participant_id"] == who), default=0
    )
    reads = [call for call in log.calls if call.kind == "read" and call.who == who and may_have_done(call)]
    least = max((call.answer["read_up_to"] for call in reads if call.is_ok), default=0)
    most = max((call.asked["sequence_id"] for call in reads), default=0)
    return max(first, said, least), max(first, said, most)


def _roster(log: Log) -> dict[str, str]:
    """Who is in, and in which role, as the log says."""
    roles: dict[str, str] = {}
    for _, event in sorted(log.events.items()):
        match event["type"]:
            case "conversation_created":
                roles = {each["participant_id"]: each["role"] for each in event["participants"]}
            case "participant_joined" | "participant_updated":
                roles[event["participant"]["participant_id"]] = event["participant"]["role"]
            case "participant_left":
                roles.pop(event["participant"]["participant_id"], None)
    return roles


def _people(log: Log, call: Call) -> Iterator[Violation]:
    shown = {each["participant_id"]: each["role"] for each in call.answer["participants"]}
    if shown != _roster(log):
        yield Violation("L3", f"by its log {_roster(log)} are in {log.where}: {told(call)}")


def _pointers_never_go_back(log: Log) -> Iterator[Violation]:
    answered: dict[str, list[Call]] = defaultdict(list)
    for call in log.calls:
        if call.is_ok and call.kind in ("read", "look", "join", "update"):
            answered[call.who].append(call)
    for calls in answered.values():
        for later in calls:
            if later.kind == "read":
                continue  # it may have moved the pointer itself, and then says where to
            earlier = [call.answer["read_up_to"] for call in calls if call.over < later.started]
            if later.answer["read_up_to"] < max(earlier, default=0):
                yield Violation(
                    "contract", f"a read pointer went back from {max(earlier)}, in {log.where}: {told(later)}"
                )


# ---- lists ---------------------------------------------------------------------------------------------


def _lists(knowledge: Knowledge) -> Iterator[Violation]:
    """The last list of each person: every conversation they are in, each once, latest activity first."""
    runs: dict[str, list[Call]] = defaultdict(list)
    for call in knowledge.history.calls:
        if call.kind == "list" and call.is_ok and call.started > knowledge.history.quiet_since:
            runs[call.who].append(call)
    for who, calls in runs.items():
        views = [view for call in calls for view in call.answer["conversations"]]
        shown = [view["conversation_id"] for view in views]
        expected = {
            log.where
            for log in knowledge.logs.values()
            if log.is_complete and any(stay.until == EVER for stay in log.stays.get(who, ()))
        }
        unclear = {log.where for log in knowledge.logs.values() if log.is_live and not log.is_complete}
        if len(set(shown)) != len(shown) or set(shown) - unclear != expected - unclear:
            yield Violation(
                "L3", f"{who} is in {sorted(expected)}, and the list shows {sorted(shown)}: {told(calls[0])}"
            )
        times = [view["updated_at"] for view in views]
        if times != sorted(times, reverse=True):
            yield Violation("contract", f"not in the order of activity, {times}: {told(calls[0])}")
        for call in calls:
            for view in call.answer["conversations"]:
                log = knowledge.log(view["conversation_id"])
                if log.is_complete and view["head"] == log.last:
                    yield from _view(log, call, view)
