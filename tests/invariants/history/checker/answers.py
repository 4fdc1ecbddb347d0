"""Answers in themselves: none blames the server, the same one never comes in two versions, refusals are alike."""

from __future__ import annotations

from collections.abc import Iterator

from tests.invariants.history.checker.knowledge import Knowledge
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import OK, Call, Json

_OURS = frozenset({"INTERNAL", "INVALID_JSON", "UNKNOWN_COMMAND", "TOO_LARGE", "UNAUTHORIZED", "TOKEN_EXPIRED"})
"""Codes that nothing in a program gives a reason for."""
_OF_A_BUSY_MACHINE = ("ConversationBusy", "ReadTimeoutError", "ConnectTimeoutError")
"""Failures in the log that say no more than that something took too long; clients repeat what was refused so."""


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for line in knowledge.history.failures:
        if not any(passing in line for passing in _OF_A_BUSY_MACHINE):
            yield Violation("contract", f"the server has logged a failure of its own: {line}")
    nothing: set[str] = set()
    for call in knowledge.history.calls:
        if call.outcome in _OURS:
            yield Violation("contract", f"no client gave a reason for this answer: {told(call)}")
        for again in call.repeated_answers:
            if again != call.answer:
                yield Violation("contract", f"one command, two answers: {told(call)} and {again}")
        if call.outcome == "NOT_FOUND":
            nothing.add(_words(call))
        if call.outcome == OK and call.kind == "read" and call.answer["read_up_to"] < call.asked["sequence_id"]:
            yield Violation("contract", f"the read pointer is below what was asked for: {told(call)}")
    if len(nothing) > 1:
        yield Violation("L7", f"what is not there and what is not theirs are told apart: {sorted(nothing)}")
    for heard in knowledge.history.heard:
        if problem := _out_of_place(heard.frame):
            yield Violation("contract", f"{heard.who} was posted {problem}: {heard.frame}")


def _words(call: Call) -> str:
    said: Json = call.answer.get("error", call.answer)
    return f"{said['code']}: {said['message']} {said.get('details', '')}"


def _out_of_place(frame: Json) -> str:
    match frame.get("type"):
        case (
            "event"
            | "typing"
            | "presence"
            | "read"
            | "conversation_added"
            | "conversation_removed"
            | "conversation_deleted"
        ):
            return ""
        case "disconnect":
            return "last words although its token holds"
        case None:
            return "a failure of the gateway"
    return "an answer to nothing it asked"
