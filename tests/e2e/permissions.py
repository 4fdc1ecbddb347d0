"""What the functions' policies allow that a whole run of the end-to-end tests never uses.

Each server of the kind `bundle` leaves the guard's record; the test process that had them adds them up. What is
denied shows in a server's log; this is the other way round, and is asked only where the whole suite has run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Permission(NamedTuple):
    """Something that the policy of a function allows."""

    function: str
    sid: str
    action: str


# The sweep comes once a minute, if a run takes so long, and what long work finds is a matter of chance:
# tests/bundle/test_permissions.py looks at both.
NOT_ASKED = {"Sweep", "Worker"}
# Allowed, and not seen in a run: each with the reason for which it is needed all the same. None is.
NOT_SEEN: dict[Permission, str] = {}


class Records:
    """The records of one run."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(parents=True, exist_ok=True)

    def new(self, name: str) -> Path:
        """Where a server writes its record when it ends; `name` is unlike all others in the run."""
        return self._place / f"{name}.json"

    def never_used(self) -> set[Permission]:
        """What is in all records unused, without what is not asked for."""
        unused = [_unused(json.loads(path.read_text(encoding="utf-8"))) for path in self._place.glob("*.json")]
        found = set.intersection(*unused) if unused else set()
        return {each for each in found if each.function not in NOT_ASKED}


def _unused(record: dict[str, list[dict[str, str]]]) -> set[Permission]:
    return {Permission(each["function"], each["sid"], each["action"]) for each in record["unused"]}


def complaint(never_used: Iterable[Permission]) -> str | None:
    """What is wrong with the policies or with the list above, if anything is."""
    found = set(never_used)
    lines = [f"{each.function} never does {each.action} ({each.sid})" for each in found - NOT_SEEN.keys()]
    lines += [f"{each.function} does {each.action}: take it off the list" for each in NOT_SEEN.keys() - found]
    return "\n".join(sorted(lines)) or None
