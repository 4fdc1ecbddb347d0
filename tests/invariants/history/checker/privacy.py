"""Privacy (L7): no participant learns anything of a conversation while they are not a member.

Everything that a participant received is compared with their memberships in the log, and the bounds of their start
and end. A member up to event n may receive nothing from n on, however late an answer or push arrives; a request
that ran certainly without a membership must be answered NOT_FOUND; and one that ran certainly within a membership
must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.invariants.history.checker.knowledge import (
    CHANGES,
    EVER,
    Knowledge,
    Log,
    Membership,
    events_in,
    heads_in,
    may_have_done,
    messages_in,
)
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import HTTP, Call, Json, ReceivedFrame

_TELLING_NOTHING = frozenset({"join", "decline", "unsubscribe", "typing", "create"})
"""Commands that need not be answered NOT_FOUND to non-members, such as joining."""
_ABOUT_ANOTHER = frozenset({*CHANGES, "remove", "role", "mute", "unban", "revoke"})
"""Commands for which NOT_FOUND can mean that the target is not a member, not banned, or does not exist."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for log in knowledge.logs.values():
        for call in log.calls:
            yield from _answered(log, call)
    for call in knowledge.history.calls:
        if call.kind in ("list", "ping"):
            yield from _mentioned(knowledge, call)
    for received in knowledge.history.received:
        yield from _heard(knowledge, received)


# ---- answers ---------------------------------------------------------------------------------------


def _answered(log: Log, call: Call) -> Iterator[Violation]:
    if call.outcome in ("LOST", "NOT_ATTEMPTED") or call.kind in _TELLING_NOTHING:
        return
    if call.outcome == "RATE_LIMITED" and call.transport != HTTP and "conversation_id" not in call.answer:
        return  # a batch that was refused as a whole, whatever its conversations
    if call.started > log.ending[1] and call.outcome != "NOT_FOUND":
        yield Violation("L7", f"{log.conversation_id} was no more: {describe(call)}")
    if not log.is_complete:
        return
    stays = _stays(log, call.caller)
    possible = [stay for stay in stays if stay.not_before < call.end_number and call.started < stay.over_before]
    if not possible and call.outcome != "NOT_FOUND":
        yield Violation("L7", f"{call.caller} was not in {log.conversation_id}: {describe(call)}")
    elif call.is_ok:
        yield from _too_much(log, call, possible)
    certain = any(stay.begun_before < call.started and call.end_number < stay.not_over_before for stay in stays)
    if (
        certain
        and call.outcome == "NOT_FOUND"
        and call.kind not in _ABOUT_ANOTHER
        and call.end_number < log.ending[0]
    ):
        yield Violation("L7", f"{call.caller} was in {log.conversation_id} all the time: {describe(call)}")


def _too_much(log: Log, call: Call, possible: list[Membership]) -> Iterator[Violation]:
    """Return an event or head after the end of every membership that can explain the answer."""
    edge = max((stay.until for stay in possible), default=0)
    told_of = [
        event
        for event in (*events_in(call), *messages_in(call))
        if event["conversation_id"] == log.conversation_id
    ]
    shown = [event.get("version", event["sequence_id"]) for event in told_of]
    if call.kind in CHANGES and call.transport != "http":
        shown.append(call.answer["sequence_id"])
    shown += [head for conversation_id, head in heads_in(call) if conversation_id == log.conversation_id]
    if shown and max(shown) >= edge:
        yield Violation("L7", f"{call.caller} left {log.conversation_id} by event {edge}: {describe(call)}")


def _mentioned(knowledge: Knowledge, call: Call) -> Iterator[Violation]:
    """Conversations of a list or pong are those of the participant."""
    if not call.is_ok:
        return
    for conversation_id, _ in heads_in(call):
        log = knowledge.log(conversation_id)
        if call.started > log.ending[1]:
            yield Violation("L7", f"{conversation_id} was no more: {describe(call)}")
        if log.is_complete:
            stays = _stays(log, call.caller)
            possible = [
                stay for stay in stays if stay.not_before < call.end_number and call.started < stay.over_before
            ]
            if not possible:
                yield Violation("L7", f"{call.caller} was not in {conversation_id}: {describe(call)}")
            else:
                yield from _too_much(log, call, possible)


# ---- pushes ----------------------------------------------------------------------------------------


def _heard(knowledge: Knowledge, received: ReceivedFrame) -> Iterator[Violation]:
    frame = received.frame
    conversation_id = _where(frame)
    if not conversation_id:
        return
    log = knowledge.log(conversation_id)
    if frame["type"] == "invited":
        if not _may_be_invited(log, received):
            yield Violation("L7", f"{received.participant_id} was not asked to join and hears {frame}")
        return
    if not log.is_complete:
        if not _may_ever_have_come(log, received):
            yield Violation("L7", f"{received.participant_id} was never in {conversation_id} and hears {frame}")
        return
    begun = [stay for stay in _stays(log, received.participant_id) if stay.not_before < received.number]
    edge = max((stay.until for stay in begun), default=0)
    if not begun:
        yield Violation("L7", f"{received.participant_id} was not in {conversation_id} yet and hears {frame}")
    elif (number := _position(frame)) is not None and number >= edge:
        yield Violation(
            "L7", f"{received.participant_id} left {conversation_id} by event {edge} and hears {frame}"
        )
    elif edge != EVER and not _has_cause(log, received, max(stay.over_before for stay in begun)):
        yield Violation(
            "L7", f"{received.participant_id} left {conversation_id} by event {edge}, and after that hears {frame}"
        )
    if frame["type"] == "conversation_removed" and not any(
        stay.not_over_before < received.number for stay in begun
    ):
        yield Violation(
            "L7", f"{received.participant_id} was not removed from {conversation_id} and hears {frame}"
        )


def _position(frame: Json) -> int | None:
    """Return the sequence id that a push refers to."""
    match frame["type"]:
        case "event":
            return int(frame["event"]["sequence_id"])
        case "read":
            return int(frame["sequence_id"])
        case "conversation_added":
            return int(frame["conversation"]["head"])
    return None


def _has_cause(log: Log, received: ReceivedFrame, gone_by: float) -> bool:
    """Whether an ephemeral push may have been caused while its recipient was a member.

    Posts may be late, so the time of arrival does not count; but a cause must have started before.
    """
    frame = received.frame
    causes: dict[str, Callable[[Call], bool]] = {
        "typing": lambda call: call.kind == "typing" and call.arguments["is_typing"] == frame["is_typing"],
        "read": lambda call: _moves_pointer(call, frame["sequence_id"]),
    }
    is_cause = causes.get(frame["type"])
    if is_cause is None:
        return True
    actor = frame.get("participant_id") or frame["participant"]["participant_id"]
    return any(call.caller == actor and is_cause(call) and call.started < gone_by for call in log.calls)


def _moves_pointer(call: Call, sequence_id: int) -> bool:
    """Whether a call may push this read pointer: `read`, or a message that names an event before it as seen."""
    if call.kind == "read":
        return bool(call.arguments["sequence_id"] == sequence_id)
    seen = call.arguments.get("seen")
    return call.kind == "send" and seen is not None and seen < sequence_id


def _where(frame: Json) -> str:
    about = frame.get("event") or frame.get("conversation") or frame
    return str(about.get("conversation_id", ""))


# ---- memberships -----------------------------------------------------------------------------------


def _stays(log: Log, participant_id: str) -> list[Membership]:
    return log.memberships.get(participant_id, [])


def _may_be_invited(log: Log, received: ReceivedFrame) -> bool:
    """Whether a call may have asked this participant before to join."""
    return any(
        call.started < received.number
        and call.kind in ("ask", "add")
        and may_have_done(call)
        and call.arguments["participant_id"] == received.participant_id
        for call in log.calls
    )


def _may_ever_have_come(log: Log, received: ReceivedFrame) -> bool:
    """Whether a call may have added this participant before; for logs whose end was not seen."""
    return any(
        call.started < received.number
        and may_have_done(call)
        and (
            (call.kind == "join" and call.caller == received.participant_id)
            or (call.kind == "add" and call.arguments["participant_id"] == received.participant_id)
            or (call.kind == "create" and received.participant_id in _founders(call))
        )
        for call in log.calls
    )


def _founders(call: Call) -> set[str]:
    return {call.caller, *(participant["participant_id"] for participant in call.arguments["participants"])}
