"""Live pushes, recovery, and timeliness (L5, L6).

A push is expected only if nothing excuses its absence: the socket is healthy and was subscribed before the event's
first request, its participant was a member all the time, no fault of the gateway could drop the post, and the
fan-out was not cut short by its deadline. A client that misses a push for such a reason must notice by the last
`ping`, and then has the complete log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import HTTP, Call, History, Json, ReceivedFrame, SocketRecord

_SETTLED = frozenset({"typing"})
"""Commands without a reply."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    yield from _copies(knowledge)
    yield from _pushes(knowledge)
    yield from _answers_in_time(knowledge)
    yield from _everything_acknowledged(knowledge)


def overdue(history: History) -> list[Violation]:
    """Return the pushes that healthy sockets are still waiting for."""
    knowledge = Knowledge(history)
    return [*_pushes(knowledge), *_answers_in_time(knowledge)]


# ---- recovery --------------------------------------------------------------------------------------


def _copies(knowledge: Knowledge) -> Iterator[Violation]:
    for copy in knowledge.history.replicas:
        log = knowledge.log(copy.conversation_id)
        ids = [event["sequence_id"] for event in copy.events]
        if log.is_live and ids != list(range(copy.first, log.last + 1)):
            yield Violation(
                "L5",
                f"after its last ping {copy.socket} has {copy.first} to {ids[-1] if ids else 'nothing'} of"
                f" {copy.conversation_id}, which reaches {log.last}",
            )


# ---- pushes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listener:
    """A subscription that was not ended, by its call."""

    socket: SocketRecord
    since: Call


def _pushes(knowledge: Knowledge) -> Iterator[Violation]:
    ears = _Ears(knowledge.history)
    for log in knowledge.logs.values():
        listeners = list(_listeners(knowledge, log))
        for number in log.events:
            for call in log.certain_causes(number):
                if not _fanned_out(knowledge.history, call):
                    continue
                for listener in listeners:
                    if _must_hear(knowledge, log, listener, call, number):
                        yield from ears.missed(
                            listener.socket.name,
                            f"event {log.conversation_id} {number}",
                            call,
                            knowledge.history.timeout,
                        )
        yield from _notices(knowledge, log, ears)


def _fanned_out(history: History, call: Call) -> bool:
    """Whether the fan-out of a call was complete, and not cut short by its deadline."""
    if not call.is_ok or call.duration is None:
        return False
    return call.transport != HTTP or call.duration < 0.8 * history.fan_out_deadline


def _is_excused(history: History, life: SocketRecord, call: Call) -> bool:
    """Whether faults may have kept the effects of a call from a socket.

    There are no faults after the quiet point, but the socket may be marked stale until its next frame.
    """
    if not _lives(life, history):
        return True
    if history.posts_are_reliable and not life.is_faulty:
        return False
    return call.started < (history.quiet_since or EVER) or not _was_heard(history, life.name, call)


def _listeners(knowledge: Knowledge, log: Log) -> Iterator[_Listener]:
    sockets = {life.name: life for life in knowledge.history.sockets}
    ends: dict[str, list[Call]] = defaultdict(list)
    for call in log.calls:
        if call.kind == "unsubscribe":
            ends[call.transport].append(call)
    for call in log.calls:
        if (
            call.kind == "subscribe"
            and call.is_ok
            and not any(_may_end(end, call) for end in ends[call.transport])
        ):
            yield _Listener(sockets[call.transport], call)


def _may_end(unsubscribe: Call, subscribe: Call) -> bool:
    """Whether an `unsubscribe` may end a subscription of the same socket: it was later, by `n` or by time."""
    if "n" in subscribe.arguments:
        return bool(unsubscribe.arguments["n"] > subscribe.arguments["n"])
    return unsubscribe.end_number >= subscribe.started


def _lives(life: SocketRecord, history: History) -> bool:
    return life.closed is None or bool(history.quiet_since and life.closed > history.quiet_since)


def _must_hear(knowledge: Knowledge, log: Log, listener: _Listener, call: Call, number: int) -> bool:
    if call.started < listener.since.end_number or _is_excused(knowledge.history, listener.socket, call):
        return False
    if not log.is_complete:
        return not _may_have_gone(log, listener.socket.participant_id)
    stays = log.memberships.get(listener.socket.participant_id, ())
    return any(
        stay.since <= number and stay.until == EVER and stay.begun_before < listener.since.started
        for stay in stays
    )


def _was_heard(history: History, socket: str, call: Call) -> bool:
    """Whether a socket has sent a frame since all faults ended: before that it may be marked stale."""
    return any(
        other.transport == socket and other.kind == "ping" and other.is_ok and history.calm_since < other.started
        for other in history.calls
        if other.end_number < call.started
    )


def _may_have_gone(log: Log, participant_id: str) -> bool:
    return any(
        may_have_done(call)
        and call.kind in ("leave", "remove", "ban")
        and call.arguments.get("participant_id", call.caller) == participant_id
        for call in log.calls
    )


def _notices(knowledge: Knowledge, log: Log, ears: _Ears) -> Iterator[Violation]:
    """`conversation_added` and `_removed` reach all sockets of a participant, `_deleted` all subscribers."""
    history = knowledge.history
    for call in log.calls:
        if not _fanned_out(history, call) or call.transport != HTTP:
            continue
        what, other_id = _notice(log, call)
        for life in history.sockets:
            if (
                life.participant_id in other_id
                and not _is_excused(history, life, call)
                and _was_reachable(history, life, call)
            ):
                yield from ears.missed(life.name, f"{what} {log.conversation_id}", call, history.timeout)
        if call.kind == "delete":
            for listener in _listeners(knowledge, log):
                if listener.since.end_number > call.started or _is_excused(history, listener.socket, call):
                    continue
                if not _may_have_gone(log, listener.socket.participant_id):
                    yield from ears.missed(
                        listener.socket.name, f"conversation_deleted {log.conversation_id}", call, history.timeout
                    )


def _notice(log: Log, call: Call) -> tuple[str, set[str]]:
    target = call.arguments.get("participant_id", call.caller)
    match call.kind:
        case "create":
            return "conversation_added", {
                participant["participant_id"] for participant in call.answer["participants"]
            }
        case "add" | "join":
            return "conversation_added", {target}
        case "remove" | "leave":
            return "conversation_removed", {target}
        case "ban" if _removed_by(log, call):
            return "conversation_removed", {target}
    return "", set()


def _removed_by(log: Log, ban: Call) -> bool:
    """Whether a ban was certainly of a member, and certainly caused by this call."""
    return any(
        event.get("reason") == "banned" and log.certain_causes(number) == [ban]
        for number, event in log.events.items()
    )


def _was_reachable(history: History, life: SocketRecord, call: Call) -> bool:
    """Whether a frame of the socket had been answered before: since then it can be posted to."""
    return any(
        other.transport == life.name and other.is_ok and other.end_number < call.started for other in history.calls
    )


class _Ears:
    """The frames that each socket received, with their times."""

    def __init__(self, history: History) -> None:
        self._heard: dict[tuple[str, str], list[ReceivedFrame]] = defaultdict(list)
        for received in history.received:
            self._heard[received.socket, _name(received.frame)].append(received)

    def missed(self, socket: str, what: str, call: Call, patience: float) -> Iterator[Violation]:
        """Yield a violation if the socket did not receive this in time after the call that caused it."""
        received = [frame for frame in self._heard.get((socket, what), ()) if frame.number > call.started]
        if not received:
            yield Violation("L5", f"{socket} never heard {what} that came of {describe(call)}")
            return
        late = min(frame.time for frame in received) - (call.start_time + (call.duration or 0))
        if late > patience:
            yield Violation("L6", f"{socket} heard {what} {late:.1f} s after {describe(call)}")


def _name(frame: Json) -> str:
    if frame.get("type") == "event":
        return f"event {frame['event']['conversation_id']} {frame['event']['sequence_id']}"
    conversation_id = frame.get("conversation_id") or frame.get("conversation", {}).get("conversation_id")
    return f"{frame.get('type')} {conversation_id}"


# ---- timeliness ------------------------------------------------------------------------------------


def _answers_in_time(knowledge: Knowledge) -> Iterator[Violation]:
    """Every reply that no fault can have dropped arrives in time, despite faulty recipients (L6)."""
    history = knowledge.history
    sockets = {life.name: life for life in history.sockets}
    for call in history.calls:
        if call.kind in _SETTLED or call.kind == "hello":
            continue
        if call.transport != HTTP:
            life = sockets[call.transport]
            calm = history.posts_are_reliable or bool(history.quiet_since and call.started > history.quiet_since)
            if life.is_faulty or not _lives(life, history) or not calm:
                continue
        if call.duration is None:
            yield Violation("L6", f"no answer: {describe(call)}")
        elif call.duration > history.timeout:
            yield Violation("L6", f"an answer after {call.duration:.1f} s: {describe(call)}")


def _everything_acknowledged(knowledge: Knowledge) -> Iterator[Violation]:
    """Every message has a final answer in the end, as its sender repeats it until there is one."""
    final: dict[tuple[str, str, str], bool] = defaultdict(bool)
    for call in knowledge.history.calls:
        if call.kind == "send" and (sent := call.arguments.get("client_message_id")) is not None:
            retryable = call.outcome in (
                "LOST",
                "RATE_LIMITED",
                "CONVERSATION_BUSY",
                "NOT_ATTEMPTED",
                "UNAVAILABLE",
                "INTERNAL",
            )
            final[call.caller, call.conversation_id, sent] |= not retryable
    for (participant_id, conversation_id, sent), is_final in final.items():
        if not is_final:
            yield Violation(
                "L1",
                f"{participant_id} never got an answer for {sent} in {conversation_id}, in spite of all repeats",
            )
