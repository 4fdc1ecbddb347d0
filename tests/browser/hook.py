"""The hook of the browser tests' chat: it refuses some texts, changes others, and allows the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSED, CHANGED, REPLACEMENT = "forbidden", "secret", "(removed)"
REASON = "That is against the house rules."


def ask(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, Any]]]:
    """Answer the chat: one answer for each action, in their order."""
    del context
    return {"answers": [_answer(action.get("content") or "") for action in event["actions"]]}


def _answer(text: str) -> dict[str, Any]:
    if REFUSED in text:
        return {"decision": "refuse", "reason": REASON}
    if CHANGED in text:
        return {"decision": "change", "changes": {"content": text.replace(CHANGED, REPLACEMENT)}}
    return {"decision": "allow"}
