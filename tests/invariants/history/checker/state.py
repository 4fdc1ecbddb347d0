"""The final state follows from the log: members, unread counts, lists of conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Json

KNOWN_OWN_MESSAGES = 100
"""Own messages after the read pointer that do not count as unread."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    quiet = knowledge.history.quiet_since
    for log in knowledge.logs.values():
        yield from _pointers_never_go_back(log)
        if not log.is_complete:
            continue
        for call in log.calls:
            if call.kind == "view" and call.is_ok and call.started > quiet and call.answer["head"] == log.last:
                yield from _view(log, call, call.answer)
                yield from _people(log, call)
    yield from _lists(knowledge)


def _view(log: Log, call: Call, view: Json) -> Iterator[Violation]:
    """Check title, size and read pointer of a view."""
    titles = [event["title"] for _, event in sorted(log.events.items()) if "title" in event]
    inside = _roster(log)
    pointer, unread = view["read_up_to"], view["unread_count"]
    later = [number for number in log.messages if number > pointer]
    own = sum(1 for number in later if log.events[number]["sender"]["participant_id"] == call.caller)
    messages = len(later) - min(own, KNOWN_OWN_MESSAGES)
    if titles and view["title"] != titles[-1]:
        yield Violation("L3", f"the title of {log.conversation_id} is {titles[-1]!r}: {describe(call)}")
    if view["participant_count"] != len(inside):
        yield Violation("L3", f"{log.conversation_id} has {len(inside)} participants: {describe(call)}")
    if unread != messages:
        yield Violation(
            "contract",
            f"{messages} messages of {log.conversation_id} are unread after {pointer}: {describe(call)}",
        )
    least, most = _pointer_bounds(log, call.caller)
    if not least <= pointer <= most:
        yield Violation(
            "contract",
            f"read pointer of {call.caller} in {log.conversation_id} not in {least}..{most}: {describe(call)}",
        )


def _pointer_bounds(log: Log, participant_id: str) -> tuple[int, int]:
    """Return the bounds of a participant's read pointer. A message moves it or does not."""
    stays = log.memberships.get(participant_id, [])
    first = stays[0].since if stays else 0
    sent = max(
        (number for number in log.messages if log.events[number]["sender"]["participant_id"] == participant_id),
        default=0,
    )
    reads = [
        call for call in log.calls if call.kind == "read" and call.caller == participant_id and may_have_done(call)
    ]
    least = max((call.answer["read_up_to"] for call in reads if call.is_ok), default=0)
    most = max((call.arguments["sequence_id"] for call in reads), default=0)
    return max(first, least), max(first, sent, most)


def _roster(log: Log) -> dict[str, str]:
    """Return the roles of all members, from the log."""
    roles: dict[str, str] = {}
    for _, event in sorted(log.events.items()):
        match event["type"]:
            case "conversation_created":
                roles = {
                    participant["participant_id"]: participant["role"] for participant in event["participants"]
                }
            case "participant_joined" | "participant_updated":
                roles[event["participant"]["participant_id"]] = event["participant"]["role"]
            case "participant_left":
                roles.pop(event["participant"]["participant_id"], None)
    return roles


def _people(log: Log, call: Call) -> Iterator[Violation]:
    shown = {participant["participant_id"]: participant["role"] for participant in call.answer["participants"]}
    if shown != _roster(log):
        yield Violation("L3", f"by its log {_roster(log)} are in {log.conversation_id}: {describe(call)}")


def _pointers_never_go_back(log: Log) -> Iterator[Violation]:
    answered: dict[str, list[Call]] = defaultdict(list)
    for call in log.calls:
        if call.is_ok and call.kind in ("read", "view", "join", "update"):
            answered[call.caller].append(call)
    for calls in answered.values():
        for later in calls:
            if later.kind == "read":
                continue  # it may have moved the pointer itself, and then returns it
            earlier = [call.answer["read_up_to"] for call in calls if call.end_number < later.started]
            if later.answer["read_up_to"] < max(earlier, default=0):
                yield Violation(
                    "contract",
                    f"a read pointer went back from {max(earlier)}, in {log.conversation_id}: {describe(later)}",
                )


# ---- lists ---------------------------------------------------------------------------------------------


def _lists(knowledge: Knowledge) -> Iterator[Violation]:
    """The last list of each participant contains each of their conversations once, latest activity first."""
    runs: dict[str, list[Call]] = defaultdict(list)
    for call in knowledge.history.calls:
        if call.kind == "list" and call.is_ok and call.started > knowledge.history.quiet_since:
            runs[call.caller].append(call)
    for participant_id, calls in runs.items():
        views = [view for call in calls for view in call.answer["conversations"]]
        shown = [view["conversation_id"] for view in views]
        expected = {
            log.conversation_id
            for log in knowledge.logs.values()
            if log.is_complete and any(stay.until == EVER for stay in log.memberships.get(participant_id, ()))
        }
        unclear = {log.conversation_id for log in knowledge.logs.values() if log.is_live and not log.is_complete}
        if len(set(shown)) != len(shown) or set(shown) - unclear != expected - unclear:
            yield Violation(
                "L3",
                f"{participant_id} is in {sorted(expected)}, the list shows {sorted(shown)}: {describe(calls[0])}",
            )
        times = [view["updated_at"] for view in views]
        if times != sorted(times, reverse=True):
            yield Violation("contract", f"not in the order of activity, {times}: {describe(calls[0])}")
        for call in calls:
            for view in call.answer["conversations"]:
                log = knowledge.log(view["conversation_id"])
                if log.is_complete and view["head"] == log.last:
                    yield from _view(log, call, view)
