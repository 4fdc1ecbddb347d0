"""What the checker has to say."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.invariants.history.records import Call

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Violation:
    """A law that was broken, and how."""

    law: str
    """`L1` … `L7`, or `contract` for what the contract says besides."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.law}: {self.sentence}"


def told(call: Call) -> str:
    """A call as evidence."""
    answer = json.dumps(call.answer, ensure_ascii=False)
    asked = json.dumps(call.asked, ensure_ascii=False)
    time = f"{call.started}–{'never' if call.ended is None else call.ended}"
    return f"[{time} {call.who} {call.kind} via {call.via} {_cut(asked)} → {call.outcome} {_cut(answer)}]"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
