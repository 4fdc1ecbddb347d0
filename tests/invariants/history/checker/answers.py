"""Answers: no server errors, no two versions of one reply, equal wording of equal errors."""

from __future__ import annotations

from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import OK, Call, Json

_OURS = frozenset({"INTERNAL", "INVALID_JSON", "UNKNOWN_COMMAND", "TOO_LARGE", "UNAUTHORIZED", "TOKEN_EXPIRED"})
"""Error codes that no request of a program causes."""
_OF_A_BUSY_MACHINE = ("ConversationBusy", "ReadTimeoutError", "ConnectTimeoutError")
"""Logged failures that only mean a timeout; clients repeat such requests."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for line in knowledge.history.failures:
        if not any(passing in line for passing in _OF_A_BUSY_MACHINE):
            yield Violation("contract", f"the server has logged a failure of its own: {line}")
    nothing: set[str] = set()
    for call in knowledge.history.calls:
        if call.outcome in _OURS:
            yield Violation("contract", f"no client gave a reason for this answer: {describe(call)}")
        for again in call.repeated_answers:
            if again != call.answer:
                yield Violation("contract", f"one command, two answers: {describe(call)} and {again}")
        if call.outcome == "NOT_FOUND":
            nothing.add(_words(call))
        if (
            call.outcome == OK
            and call.kind == "read"
            and call.answer["read_up_to"] < call.arguments["sequence_id"]
        ):
            yield Violation("contract", f"the read pointer is below what was asked for: {describe(call)}")
    if len(nothing) > 1:
        yield Violation("L7", f"what is not there and what is not theirs are told apart: {sorted(nothing)}")
    for received in knowledge.history.received:
        if problem := _out_of_place(received.frame):
            yield Violation("contract", f"{received.participant_id} was posted {problem}: {received.frame}")


def _words(call: Call) -> str:
    sent: Json = call.answer.get("error", call.answer)
    return f"{sent['code']}: {sent['message']} {sent.get('details', '')}"


def _out_of_place(frame: Json) -> str:
    match frame.get("type"):
        case (
            "event"
            | "typing"
            | "presence"
            | "read"
            | "conversation_added"
            | "invited"
            | "conversation_removed"
            | "conversation_deleted"
        ):
            return ""
        case "disconnect":
            return "last words although its token holds"
        case None:
            return "a failure of the gateway"
    return "an answer to nothing it asked"
