"""Who learns what (L7): nobody anything of a conversation that they are not, or no longer, in.

Each thing that somebody got is held against their memberships as the log has them, with the bounds on when those
began and ended. Who was in only up to event n may get nothing from n on, however late an answer or a push comes;
who was certainly out while a request ran must be told NOT_FOUND; and who was certainly in must not be told that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.invariants.history.checker.knowledge import (
    CHANGES,
    EVER,
    Knowledge,
    Log,
    Stay,
    events_in,
    heads_in,
    may_have_done,
    messages_in,
)
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Heard, Json

_TELLING_NOTHING = frozenset({"join", "unsubscribe", "typing", "create"})
"""What strangers may be answered otherwise than by NOT_FOUND: to join is how one stops being one."""
_ABOUT_ANOTHER = frozenset({*CHANGES, "remove", "role", "mute", "unban", "revoke"})
"""Where NOT_FOUND can mean that the other person is not in or not banned, or that there is no such thing."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for log in knowledge.logs.values():
        for call in log.calls:
            yield from _answered(log, call)
    for call in knowledge.history.calls:
        if call.kind in ("list", "ping"):
            yield from _mentioned(knowledge, call)
    for heard in knowledge.history.heard:
        yield from _heard(knowledge, heard)


# ---- answers -------------------------------------------------------------------------------------------


def _answered(log: Log, call: Call) -> Iterator[Violation]:
    if call.outcome == "LOST" or call.kind in _TELLING_NOTHING:
        return
    if call.started > log.ending[1] and call.outcome != "NOT_FOUND":
        yield Violation("L7", f"{log.where} was no more: {told(call)}")
    if not log.is_complete:
        return
    stays = _stays(log, call.who)
    possible = [stay for stay in stays if stay.not_before < call.over and call.started < stay.over_by]
    if not possible and call.outcome != "NOT_FOUND":
        yield Violation("L7", f"{call.who} was not in {log.where}: {told(call)}")
    elif call.is_ok:
        yield from _too_much(log, call, possible)
    certain = any(stay.begun_by < call.started and call.over < stay.not_over_before for stay in stays)
    if certain and call.outcome == "NOT_FOUND" and call.kind not in _ABOUT_ANOTHER and call.over < log.ending[0]:
        yield Violation("L7", f"{call.who} was in {log.where} all the time: {told(call)}")


def _too_much(log: Log, call: Call, possible: list[Stay]) -> Iterator[Violation]:
    """An event, or a head, from after the end of every membership that the answer can be owed to."""
    edge = max((stay.until for stay in possible), default=0)
    told_of = [event for event in (*events_in(call), *messages_in(call)) if event["conversation_id"] == log.where]
    shown = [event.get("version", event["sequence_id"]) for event in told_of]
    if call.kind in CHANGES and call.via != "http":
        shown.append(call.answer["sequence_id"])
    shown += [head for where, head in heads_in(call) if where == log.where]
    if shown and max(shown) >= edge:
        yield Violation("L7", f"{call.who} left {log.where} by event {edge}: {told(call)}")


def _mentioned(knowledge: Knowledge, call: Call) -> Iterator[Violation]:
    """A list or a pong: what it names must be conversations that the person was in."""
    if not call.is_ok:
        return
    for where, _ in heads_in(call):
        log = knowledge.log(where)
        if call.started > log.ending[1]:
            yield Violation("L7", f"{where} was no more: {told(call)}")
        if log.is_complete:
            stays = _stays(log, call.who)
            possible = [stay for stay in stays if stay.not_before < call.over and call.started < stay.over_by]
            if not possible:
                yield Violation("L7", f"{call.who} was not in {where}: {told(call)}")
            else:
                yield from _too_much(log, call, possible)


# ---- pushes --------------------------------------------------------------------------------------------


def _heard(knowledge: Knowledge, heard: Heard) -> Iterator[Violation]:
    frame = heard.frame
    where = _where(frame)
    if not where:
        return
    log = knowledge.log(where)
    if not log.is_complete:
        if not _may_ever_have_come(log, heard):
            yield Violation("L7", f"{heard.who} was never in {where} and hears {frame}")
        return
    begun = [stay for stay in _stays(log, heard.who) if stay.not_before < heard.at]
    edge = max((stay.until for stay in begun), default=0)
    if not begun:
        yield Violation("L7", f"{heard.who} was not in {where} yet and hears {frame}")
    elif (number := _position(frame)) is not None and number >= edge:
        yield Violation("L7", f"{heard.who} left {where} by event {edge} and hears {frame}")
    elif edge != EVER and not _has_cause(log, heard, max(stay.over_by for stay in begun)):
        yield Violation("L7", f"{heard.who} left {where} by event {edge}, and after that hears {frame}")
    if frame["type"] == "conversation_removed" and not any(stay.not_over_before < heard.at for stay in begun):
        yield Violation("L7", f"{heard.who} was not removed from {where} and hears {frame}")


def _position(frame: Json) -> int | None:
    """The id that a push is about."""
    match frame["type"]:
        case "event":
            return int(frame["event"]["sequence_id"])
        case "read":
            return int(frame["sequence_id"])
        case "conversation_added":
            return int(frame["conversation"]["head"])
    return None


def _has_cause(log: Log, heard: Heard, gone_by: float) -> bool:
    """Whether an ephemeral push may have been caused while its hearer was still in.

    Posts may be late, so when it is heard says nothing; but something must have brought it about before.
    """
    frame = heard.frame
    causes: dict[str, Callable[[Call], bool]] = {
        "typing": lambda call: call.kind == "typing" and call.asked["is_typing"] == frame["is_typing"],
        "read": lambda call: call.kind == "read" and call.asked["sequence_id"] == frame["sequence_id"],
    }
    is_cause = causes.get(frame["type"])
    if is_cause is None:
        return True
    actor = frame.get("participant_id") or frame["participant"]["participant_id"]
    return any(call.who == actor and is_cause(call) and call.started < gone_by for call in log.calls)


def _where(frame: Json) -> str:
    about = frame.get("event") or frame.get("conversation") or frame
    return str(about.get("conversation_id", ""))


# ---- who was in ---------------------------------------------------------------------------------------


def _stays(log: Log, who: str) -> list[Stay]:
    return log.stays.get(who, [])


def _may_ever_have_come(log: Log, heard: Heard) -> bool:
    """Of a conversation whose end nobody saw: whether anything may have brought this person in before."""
    return any(
        call.started < heard.at
        and may_have_done(call)
        and (
            (call.kind == "join" and call.who == heard.who)
            or (call.kind == "add" and call.asked["participant_id"] == heard.who)
            or (call.kind == "create" and heard.who in _founders(call))
        )
        for call in log.calls
    )


def _founders(call: Call) -> set[str]:
    return {call.who, *(each["participant_id"] for each in call.asked["participants"])}
