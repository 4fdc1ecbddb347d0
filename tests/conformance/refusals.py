"""Errors in the place of an answer, by chance: for commands and requests of every kind, and for whole batches."""

from __future__ import annotations

import random
from collections import Counter

TRANSIENT = ("UNAVAILABLE", "RATE_LIMITED", "INTERNAL", "CONVERSATION_BUSY", "UNAUTHORIZED", "TOKEN_EXPIRED")
"""Codes that are about the moment. A result of a batch can be `NOT_ATTEMPTED` as well."""
OF_AUTH = ("UNAVAILABLE", "RATE_LIMITED", "INTERNAL", "UNAUTHORIZED")
"""Codes that answer `auth`: it brings another token, so that it is never answered `TOKEN_EXPIRED`."""
OF_REQUESTS = ((401, "UNAUTHORIZED"), (429, "RATE_LIMITED"), (500, "INTERNAL"), (503, "UNAVAILABLE"))
FINAL_OF_BATCHES = ("VALIDATION_FAILED", "TOO_LARGE")
SHARES = {"message": 0.1, "ping": 0.03, "hello": 0.1, "entry of hello": 0.1, "subscribe": 0.1}
"""The shares of commands that are refused; those of rare ones are higher."""
SHARE = 0.3
SHARE_OF_BATCHES = 0.15
"""The share of the batches that are refused as a whole and for good."""
SHARE_OF_REQUESTS = 0.3
SHARE_LOST = 0.1
"""The shares of requests and of responses by HTTP that are lost."""


class Refusals:
    """Chooses the refused commands and requests, and counts all faults that had an effect, by their names."""

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self._random = random.Random()
        self._is_on = False

    def begin(self, seed: int) -> None:
        """Refuse a share from now on; the same seed refuses the same."""
        self._random.seed(f"refusals {seed}")
        self._is_on = True

    def end(self) -> None:
        """Refuse nothing any more."""
        self._is_on = False

    def of_command(self, kind: str) -> str | None:
        """Return the code that answers a command, or None if it is executed."""
        if not self._is_due(SHARES.get(kind, SHARE)):
            return None
        code = self._random.choice(OF_AUTH if kind == "auth" else TRANSIENT)
        self.happened.update((f"{kind} refused", f"a command answered {code}"))
        return code

    def of_batch(self) -> str | None:
        """Return the code that refuses a batch as a whole and for good, or None."""
        if not self._is_due(SHARE_OF_BATCHES):
            return None
        self.happened["a batch refused for good"] += 1
        return self._random.choice(FINAL_OF_BATCHES)

    def of_request(self, path: str) -> tuple[int, str] | None:
        """Return the status and the code that answer a request, or None if it is executed."""
        if not self._is_due(SHARE_OF_REQUESTS):
            return None
        status, code = self._random.choice(OF_REQUESTS)
        self.happened[f"{path.partition('?')[0]} answered {status}"] += 1
        return status, code

    def loses_message(self) -> bool:
        """Return whether a request or a response by HTTP is lost."""
        return self._is_due(SHARE_LOST)

    def _is_due(self, share: float) -> bool:
        return self._is_on and self._random.random() < share
