"""The hook of end-to-end tests, which runs in the server: its answer depends on the text that it sees.

It writes the number of actions of each call to the file that `HOOK_CALLS` names.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

NEVER = threading.Event()


def ask(event: Any, context: Any) -> Any:
    """Answer a call."""
    del context
    actions = event["actions"]
    with Path(os.environ["HOOK_CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write(f"{' '.join(action['type'] for action in actions)}\n")
    return {"answers": [_answer(action) for action in actions]}


def _answer(action: Any) -> Any:
    field = next(name for name in ("content", "title", "participant", "participants") if name in action)
    text = str(action[field])
    if "slow" in text:
        NEVER.wait(5)
    if "garbage" in text:
        return {"decision": "change", "changes": {"content": 7}}
    if "forbidden" in text:
        return {"decision": "refuse", "reason": "Not here."}
    if "damn" in text:
        return {"decision": "change", "changes": {field: text.replace("damn", "****")}}
    return {"decision": "allow"}
