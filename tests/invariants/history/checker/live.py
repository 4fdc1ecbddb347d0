"""What is heard live, what is recovered, and how soon (L5, L6).

A push is only expected where nothing can excuse its absence: the socket is healthy and was subscribed before
anybody asked for the event, its person was in all the time, the post could not fail by the gateway's disorder,
and the fan-out was not cut short by its deadline. Who misses a push for such a reason must find out by the `ping`
at the end, and then has the whole log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log, may_have_done
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import HTTP, Call, Heard, History, Json, SocketLife

_SETTLED = frozenset({"typing"})
"""Commands without an answer."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    yield from _copies(knowledge)
    yield from _pushes(knowledge)
    yield from _answers_in_time(knowledge)
    yield from _everything_acknowledged(knowledge)


def overdue(history: History) -> list[Violation]:
    """What healthy sockets wait for as things stand."""
    knowledge = Knowledge(history)
    return [*_pushes(knowledge), *_answers_in_time(knowledge)]


# ---- what is recovered ---------------------------------------------------------------------------------


def _copies(knowledge: Knowledge) -> Iterator[Violation]:
    for copy in knowledge.history.copies:
        log = knowledge.log(copy.where)
        ids = [event["sequence_id"] for event in copy.events]
        if log.is_live and ids != list(range(copy.first, log.last + 1)):
            yield Violation(
                "L5",
                f"after its last ping {copy.socket} has {copy.first} to {ids[-1] if ids else 'nothing'} of"
                f" {copy.where}, which reaches {log.last}",
            )


# ---- what is heard -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listener:
    """A subscription that nothing has ended, by its call."""

    socket: SocketLife
    since: Call


def _pushes(knowledge: Knowledge) -> Iterator[Violation]:
    ears = _Ears(knowledge.history)
    for log in knowledge.logs.values():
        listeners = list(_listeners(knowledge, log))
        for number in log.events:
            for call in log.certain_makers(number):
                if not _fanned_out(knowledge.history, call):
                    continue
                for each in listeners:
                    if _must_hear(knowledge, log, each, call, number):
                        yield from ears.missed(
                            each.socket.name, f"event {log.where} {number}", call, knowledge.history.patience
                        )
        yield from _notices(knowledge, log, ears)


def _fanned_out(history: History, call: Call) -> bool:
    """Whether a call's fan-out was made to the end, and not cut short by its deadline."""
    if not call.is_ok or call.took is None:
        return False
    return call.via != HTTP or call.took < 0.8 * history.fan_out_deadline


def _is_excused(history: History, life: SocketLife, call: Call) -> bool:
    """Whether what a call brought about may not have reached a socket, by the disorder that there was.

    That is over when all is quiet, but the socket may still be taken for gone, until it is heard again.
    """
    if not _lives(life, history):
        return True
    if history.posts_are_reliable and not life.bad:
        return False
    return call.started < (history.quiet_since or EVER) or not _was_heard(history, life.name, call)


def _listeners(knowledge: Knowledge, log: Log) -> Iterator[_Listener]:
    sockets = {life.name: life for life in knowledge.history.sockets}
    undone: dict[str, float] = defaultdict(float)
    for call in log.calls:
        if call.kind == "unsubscribe":
            undone[call.via] = max(undone[call.via], call.over)
    for call in log.calls:
        if call.kind == "subscribe" and call.is_ok and undone[call.via] < call.started:
            yield _Listener(sockets[call.via], call)


def _lives(life: SocketLife, history: History) -> bool:
    return life.closed is None or bool(history.quiet_since and life.closed > history.quiet_since)


def _must_hear(knowledge: Knowledge, log: Log, listener: _Listener, call: Call, number: int) -> bool:
    if call.started < listener.since.over or _is_excused(knowledge.history, listener.socket, call):
        return False
    if not log.is_complete:
        return not _may_have_gone(log, listener.socket.who)
    stays = log.stays.get(listener.socket.who, ())
    return any(
        stay.since <= number and stay.until == EVER and stay.begun_by < listener.since.started for stay in stays
    )


def _was_heard(history: History, socket: str, call: Call) -> bool:
    """Whether a socket has spoken since all disorder was over: it may have been taken for gone in it."""
    return any(
        each.via == socket and each.kind == "ping" and each.is_ok and history.calm_since < each.started
        for each in history.calls
        if each.over < call.started
    )


def _may_have_gone(log: Log, who: str) -> bool:
    return any(
        may_have_done(call)
        and call.kind in ("leave", "remove", "ban")
        and call.asked.get("participant_id", call.who) == who
        for call in log.calls
    )


def _notices(knowledge: Knowledge, log: Log, ears: _Ears) -> Iterator[Violation]:
    """`added` and `removed` to every reachable socket of a person, `conversation_deleted` to every subscriber."""
    history = knowledge.history
    for call in log.calls:
        if not _fanned_out(history, call) or call.via != HTTP:
            continue
        what, whom = _notice(log, call)
        for life in history.sockets:
            if life.who in whom and not _is_excused(history, life, call) and _was_reachable(history, life, call):
                yield from ears.missed(life.name, f"{what} {log.where}", call, history.patience)
        if call.kind == "delete":
            for each in _listeners(knowledge, log):
                if each.since.over > call.started or _is_excused(history, each.socket, call):
                    continue
                if not _may_have_gone(log, each.socket.who):
                    yield from ears.missed(
                        each.socket.name, f"conversation_deleted {log.where}", call, history.patience
                    )


def _notice(log: Log, call: Call) -> tuple[str, set[str]]:
    target = call.asked.get("participant_id", call.who)
    match call.kind:
        case "create":
            return "conversation_added", {each["participant_id"] for each in call.answer["participants"]}
        case "add" | "join":
            return "conversation_added", {target}
        case "remove" | "leave":
            return "conversation_removed", {target}
        case "ban" if _removed_by(log, call):
            return "conversation_removed", {target}
    return "", set()


def _removed_by(log: Log, ban: Call) -> bool:
    """Whether it is sure that a ban was of somebody who was in, and that it was this call's."""
    return any(
        event.get("reason") == "banned" and log.certain_makers(number) == [ban]
        for number, event in log.events.items()
    )


def _was_reachable(history: History, life: SocketLife, call: Call) -> bool:
    """Whether a frame of the socket had been answered before: from then on it can be posted to."""
    return any(each.via == life.name and each.is_ok and each.over < call.started for each in history.calls)


class _Ears:
    """What each socket heard, and when."""

    def __init__(self, history: History) -> None:
        self._heard: dict[tuple[str, str], list[Heard]] = defaultdict(list)
        for heard in history.heard:
            self._heard[heard.socket, _name(heard.frame)].append(heard)

    def missed(self, socket: str, what: str, call: Call, patience: float) -> Iterator[Violation]:
        """A violation if the socket did not hear this, or not in time after the call that brought it about."""
        heard = [each for each in self._heard.get((socket, what), ()) if each.at > call.started]
        if not heard:
            yield Violation("L5", f"{socket} never heard {what} that came of {told(call)}")
            return
        late = min(each.time for each in heard) - (call.began + (call.took or 0))
        if late > patience:
            yield Violation("L6", f"{socket} heard {what} {late:.1f} s after {told(call)}")


def _name(frame: Json) -> str:
    if frame.get("type") == "event":
        return f"event {frame['event']['conversation_id']} {frame['event']['sequence_id']}"
    where = frame.get("conversation_id") or frame.get("conversation", {}).get("conversation_id")
    return f"{frame.get('type')} {where}"


# ---- how soon ------------------------------------------------------------------------------------------


def _answers_in_time(knowledge: Knowledge) -> Iterator[Violation]:
    """Every answer that no disorder can have lost comes, and comes in time, however others behave (L6)."""
    history = knowledge.history
    sockets = {life.name: life for life in history.sockets}
    for call in history.calls:
        if call.kind in _SETTLED or call.kind == "hello":
            continue
        if call.via != HTTP:
            life = sockets[call.via]
            calm = history.posts_are_reliable or bool(history.quiet_since and call.started > history.quiet_since)
            if life.bad or not _lives(life, history) or not calm:
                continue
        if call.took is None:
            yield Violation("L6", f"no answer: {told(call)}")
        elif call.took > history.patience:
            yield Violation("L6", f"an answer after {call.took:.1f} s: {told(call)}")


def _everything_acknowledged(knowledge: Knowledge) -> Iterator[Violation]:
    """Whatever was said has a final answer in the end, since its sender repeats it until there is one."""
    final: dict[tuple[str, str, str], bool] = defaultdict(bool)
    for call in knowledge.history.calls:
        if call.kind == "send" and (said := call.asked.get("client_message_id")) is not None:
            retryable = call.outcome in ("LOST", "RATE_LIMITED", "CONVERSATION_BUSY", "UNAVAILABLE", "INTERNAL")
            final[call.who, call.where, said] |= not retryable
    for (who, where, said), is_final in final.items():
        if not is_final:
            yield Violation("L1", f"{who} never got an answer for {said} in {where}, in spite of all repeats")
