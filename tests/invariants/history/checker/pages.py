"""Pages (L4): contiguous, full, with a correct `has_more`, and at least as fresh as everything seen before."""

from __future__ import annotations

from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge, Log, heads_in
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Json

USUAL_LIMIT = 50
FRAME_LIMIT = 100


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for log in knowledge.logs.values():
        for call in log.calls:
            if not call.is_ok:
                continue
            match call.kind:
                case "events" | "sync" | "subscribe":
                    yield from _of_events(log, call)
                case "messages":
                    yield from _of_messages(log, call)
                case "view":
                    yield from _of_a_view(log, call)
    for call in knowledge.history.calls:
        for conversation_id, head in heads_in(call):
            yield from _head(knowledge.log(conversation_id), call, head)
        if call.kind == "list" and call.is_ok:
            for view in call.answer["conversations"]:
                yield from _last_message(knowledge.log(view["conversation_id"]), call, view)


def _head(log: Log, call: Call, head: int) -> Iterator[Violation]:
    """The head is that of some time after the start of the request."""
    if head < log.known_at(call.started):
        yield Violation(
            "L4",
            f"the head of {log.conversation_id} was {log.known_at(call.started)} before: {describe(call)}",
        )
    if log.is_complete and head > max(log.events):
        yield Violation("L3", f"{log.conversation_id} never got as far: {describe(call)}")


def _of_events(log: Log, call: Call) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in call.answer["events"]]
    head, has_more = call.answer["head"], call.answer["has_more"]
    after = call.arguments.get("after")
    if call.kind == "subscribe" and after is None:
        expected = range(max(head - USUAL_LIMIT, 0) + 1, head + 1)
        more = expected.start > 1
    else:
        limit = call.arguments.get("limit", USUAL_LIMIT) if call.kind == "events" else FRAME_LIMIT
        expected = range((after or 0) + 1, min((after or 0) + limit, head) + 1)
        more = (after or 0) + limit < head
    if ids != list(expected):
        yield Violation(
            "L4",
            f"{log.conversation_id}: not {expected.start} to {expected.stop - 1}, but {ids}: {describe(call)}",
        )
    elif has_more != more:
        yield Violation("L4", f"{log.conversation_id}: has_more should be {more}: {describe(call)}")
    if call.kind == "subscribe" and ids and call.answer["first_sequence_id"] != ids[0]:
        yield Violation("L4", f"{log.conversation_id}: `from` is not where the events begin: {describe(call)}")


def _of_messages(log: Log, call: Call) -> Iterator[Violation]:
    asked, found = call.arguments, call.answer["messages"]
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
        yield Violation(
            "L4", f"{log.conversation_id}: at head {view['head']} the last message is {newest}: {describe(call)}"
        )


def _forwards(log: Log, call: Call, found: list[Json], after: int, limit: int) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in found]
    rest = [number for number in log.messages if number > after]
    known = [number for number in rest if log.done_by(number) < call.started]
    if ids != rest[: len(ids)] or len(ids) > limit or len(ids) < min(len(known), limit):
        yield Violation("L4", f"{log.conversation_id}: not the first {limit} of {rest[:limit]}: {describe(call)}")
    has_more, over = call.answer["has_more"], rest[len(ids) :]
    if has_more and (len(ids) < limit or not over):
        yield Violation("L4", f"{log.conversation_id}: there is no more: {describe(call)}")
    if not has_more and len(known) > len(ids):
        yield Violation("L4", f"{log.conversation_id}: there is more, {known[len(ids) :][:5]}: {describe(call)}")


def _backwards(
    log: Log, call: Call, found: list[Json], before: int | None, limit: int, has_more: bool | None
) -> Iterator[Violation]:
    ids = [event["sequence_id"] for event in found]
    older = [number for number in log.messages if before is None or number < before]
    known = [number for number in older if log.done_by(number) < call.started]
    top = older.index(ids[-1]) + 1 if ids and ids[-1] in older else 0
    if ids != older[max(top - limit, 0) : top] or top < len(known):
        yield Violation(
            "L4", f"{log.conversation_id}: not the newest {limit} of {older[-limit:]}: {describe(call)}"
        )
    elif has_more is not None and has_more != (top > limit):
        yield Violation("L4", f"{log.conversation_id}: has_more should be {top > limit}: {describe(call)}")
