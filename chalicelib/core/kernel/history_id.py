"""The id of one history of a deployment's data, by which a client recognizes that its position is void.

After a restore from a backup, sequence ids that clients already know are given to other events. A restored
deployment therefore has another history id. Its number is higher, so that a client can tell the newer one of two
ids while functions with the old and with the new configuration answer side by side.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HISTORY_ID_CHARACTERS = 15 + len(".") + 255
HISTORY_ID_PATTERN = r"^(?:0|[1-9][0-9]{0,14})\.[A-Za-z0-9_.-]{1,255}$"
_HISTORY_ID = re.compile(HISTORY_ID_PATTERN)

_LEAST_MILLISECONDS = 10**11
"""As seconds, a number like this is thousands of years ahead; as milliseconds, it is in 1973."""


class HistoryId(NamedTuple):
    """A history id: `<number>.<name>`, where a higher number is newer."""

    number: int
    name: str
    """The name of the conversations table."""

    @classmethod
    def parse(cls, text: str) -> HistoryId:
        """Return the id in `text`. Raises ValueError."""
        if _HISTORY_ID.fullmatch(text) is None:
            raise ValueError("a history id is a whole number, a dot, and the name of the conversations table")
        number, _, name = text.partition(".")
        return cls(int(number), name)

    @property
    def began_at(self) -> int:
        """When the history began, in milliseconds since the epoch. The number of a stage is in seconds."""
        return self.number if self.number >= _LEAST_MILLISECONDS else self.number * 1000

    def is_newer_than(self, other: HistoryId) -> bool:
        """Return whether this id succeeds `other`. Of two ids with the same number neither is newer."""
        return self.number > other.number

    def __str__(self) -> str:
        return f"{self.number}.{self.name}"
