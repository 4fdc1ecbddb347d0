"""A hook before a message: it masks words, and refuses links of users who signed up today.

    CHAT_HOOK=examples.product.hook:ask make run

As a Lambda function, its handler is `examples.product.hook.ask`. It decides in a millisecond, and calls no other
service: participants wait for it.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from examples.product.settings import Settings
from examples.product.users import Users

WORDS = re.compile(r"\b(?:damn|bloody)\b", re.IGNORECASE)
LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
NEW_FOR = 24 * 3600
"""For how many seconds a user is new."""
Answer = dict[str, Any]


class Filter:
    """Decides about actions."""

    def __init__(self, created_at: Callable[[str], float], now: Callable[[], float] = time.time) -> None:
        self._created_at = created_at
        self._now = now

    def answer(self, action: Mapping[str, Any]) -> Answer:
        """Return the answer to one action: a text is masked, a link of a new user is refused."""
        field = "content" if action["type"] in ("message", "edit") else "title"
        text = action.get(field, "")
        if LINK.search(text) and self._is_new(action["sender"]["participant_id"]):
            return {"decision": "refuse", "reason": "New users cannot post links yet."}
        masked = WORDS.sub(lambda found: "*" * len(found[0]), text)
        return {"decision": "allow"} if masked == text else {"decision": "change", "changes": {field: masked}}

    def _is_new(self, user_id: str) -> bool:
        return self._now() - self._created_at(user_id) < NEW_FOR


@functools.cache
def _filter() -> Filter:
    return Filter(Users(Settings.from_environment().database).created_at)


def ask(event: Mapping[str, Any], context: Any) -> dict[str, list[Answer]]:
    """Answer the chat: one answer for each action, in their order."""
    del context
    return {"answers": [_filter().answer(action) for action in event["actions"]]}
