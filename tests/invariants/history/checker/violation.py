"""Violations of the laws."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.invariants.history.records import Call

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Violation:
    """A violated law with a description."""

    law: str
    """`L1` … `L7`, or `contract` for other rules of the protocol."""
    description: str

    def __str__(self) -> str:
        return f"{self.law}: {self.description}"


def describe(call: Call) -> str:
    """Return a call as evidence."""
    answer = json.dumps(call.answer, ensure_ascii=False)
    asked = json.dumps(call.arguments, ensure_ascii=False)
    time = f"{call.started}–{'never' if call.ended is None else call.ended}"
    return f"[{time} {call.caller} {call.kind} via {call.transport} {_cut(asked)} → {call.outcome} {_cut(answer)}]"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
