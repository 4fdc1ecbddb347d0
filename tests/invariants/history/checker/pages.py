"""Pages (L4): contiguous, full, honest about whether there is more, and as fresh as what had been seen before."""

from __future__ import annotations

from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge, Log, heads_in
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Json

USUAL_LIMIT = 50
FRAME_LIMIT = 100


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for log in knowledge.logs.values():
        for call in log.calls:
            if not call.is_ok:
                continue
            match call.kind:
                case "events" | "sync" | "subscribe":
                    yield from _of_events(log, call)
                case "messages":
                    yield from _of_messages(log, call)
                case "look":
                    yield from _of_a_view(log, call)
    for call in knowledge.history.calls:
        for where, head in heads_in(call):
            yield from _head(knowledge.log(where), call, head)
        if call.kind == "list" and call.is_ok:
            for view in call.answer["conversations"]:
                yield from _last_message(knowledge.log(view["conversation_id"]), call, view)


def _head(log: Log, call: Call, head: int) -> Iterator[Violation]:
    """The end of the log, as it was at some time after the request began."""
    if head < log.known_at(call.started):
        yield Violation(
            "L4", f"the head of {log.where} was known to be {log.known_at(call.started)} before: {told(call)}"
        )
    if log.is_complete and head > max(log.events):
        yield Violation("L3", f"{log.where} never got as far: {told(call)}")


def _of_events(log: Log, call: Call) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in call.answer["events"]]
    head, has_more = call.answer["head"], call.answer["has_more"]
    after = call.asked.get("after")
    if call.kind == "subscribe" and after is None:
        expected = range(max(head - USUAL_LIMIT, 0) + 1, head + 1)
        more = expected.start > 1
    else:
        limit = call.asked.get("limit", USUAL_LIMIT) if call.kind == "events" else FRAME_LIMIT
        expected = range((after or 0) + 1, min((after or 0) + limit, head) + 1)
        more = (after or 0) + limit < head
    if ids != list(expected):
        yield Violation("L4", f"{log.where}: not {expected.start} to {expected.stop - 1}, but {ids}: {told(call)}")
    elif has_more != more:
        yield Violation("L4", f"{log.where}: has_more should be {more}: {told(call)}")
    if call.kind == "subscribe" and ids and call.answer["first_sequence_id"] != ids[0]:
        yield Violation("L4", f"{log.where}: `from` is not where the events begin: {told(call)}")


def _of_messages(log: Log, call: Call) -> Iterator[Violation]:
    asked, found = call.asked, call.answer["messages"]
    limit = asked.get("limit", USUAL_LIMIT)
    if not log.is_complete:
        return
    if "after" in asked:
        yield from _forwards(log, call, found, asked["after"], limit)
    else:
        yield from _backwards(log, call, found, asked.get("before"), limit, call.answer["has_more"])


def _of_a_view(log: Log, call: Call) -> Iterator[Violation]:
    if log.is_complete:
        yield from _backwards(log, call, call.answer["messages"], None, USUAL_LIMIT, None)
    yield from _last_message(log, call, call.answer)


def _last_message(log: Log, call: Call, view: Json) -> Iterator[Violation]:
    if not log.is_complete:
        return
    newest = max((number for number in log.messages if number <= view["head"]), default=None)
    shown = view["last_message"]["sequence_id"] if "last_message" in view else None
    if shown != newest:
        yield Violation("L4", f"{log.where}: at head {view['head']} the last message is {newest}: {told(call)}")


def _forwards(log: Log, call: Call, found: list[Json], after: int, limit: int) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in found]
    rest = [number for number in log.messages if number > after]
    known = [number for number in rest if log.done_by(number) < call.started]
    if ids != rest[: len(ids)] or len(ids) > limit or len(ids) < min(len(known), limit):
        yield Violation("L4", f"{log.where}: not the first {limit} of {rest[:limit]}: {told(call)}")
    has_more, over = call.answer["has_more"], rest[len(ids) :]
    if has_more and (len(ids) < limit or not over):
        yield Violation("L4", f"{log.where}: there is no more: {told(call)}")
    if not has_more and len(known) > len(ids):
        yield Violation("L4", f"{log.where}: there is more, {known[len(ids) :][:5]}: {told(call)}")


def _backwards(
    log: Log, call: Call, found: list[Json], before: int | None, limit: int, has_more: bool | None
) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in found]
    older = [number for number in log.messages if before is None or number < before]
    known = [number for number in older if log.done_by(number) < call.started]
    top = older.index(ids[-1]) + 1 if ids and ids[-1] in older else 0
    if ids != older[max(top - limit, 0) : top] or top < len(known):
        yield Violation("L4", f"{log.where}: not the newest {limit} of {older[-limit:]}: {told(call)}")
    elif has_more is not None and has_more != (top > limit):
        yield Violation("L4", f"{log.where}: has_more should be {top > limit}: {told(call)}")
