"""Permissions that the functions' policies grant and that a complete run of the end-to-end tests never uses.

Each server of the target `bundle` leaves a record of the permissions that it used; one test process combines them.
(Denied calls show in the log of a server.) The check runs only after a complete run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Set
from pathlib import Path
from typing import NamedTuple


class Permission(NamedTuple):
    """A permission that the policy of a function grants."""

    function: str
    sid: str
    action: str


# The sweep runs once a minute, and the jobs that a run happens to have are not deterministic:
# tests/bundle/test_permissions.py covers both.
EXEMPT_FUNCTIONS = {"Sweep", "Worker"}
# Permissions that no run uses, each with the reason why it is needed.
UNUSED_BUT_NEEDED: dict[Permission, str] = {
    Permission("WebsocketConnect", "OpenConnectionsAndRedeemTickets", "dynamodb:BatchWriteItem"): (
        "deletes a connection above the limit whose $disconnect was lost, with its subscriptions"
    ),
}


class PermissionRecords:
    """The records of one run."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(parents=True, exist_ok=True)

    def new(self, name: str) -> Path:
        """Return a path for the record of a server; `name` is unique within the run."""
        return self._place / f"{name}.json"

    def never_used(self) -> set[Permission]:
        """Return the permissions that no server used, without exempt functions."""
        unused = [_unused(json.loads(path.read_text(encoding="utf-8"))) for path in self._place.glob("*.json")]
        found = set.intersection(*unused) if unused else set()
        return {permission for permission in found if permission.function not in EXEMPT_FUNCTIONS}


def _unused(record: dict[str, list[dict[str, str]]]) -> set[Permission]:
    return {Permission(entry["function"], entry["sid"], entry["action"]) for entry in record["unused"]}


def problems(
    never_used: Iterable[Permission], exceptions: Set[Permission] = UNUSED_BUT_NEEDED.keys()
) -> str | None:
    """Return a description of unused permissions and of needless exceptions, or None if there are none."""
    found = set(never_used)
    lines = [f"{unused.function} never does {unused.action} ({unused.sid})" for unused in found - exceptions]
    lines += [f"{used.function} does {used.action}: take it off the list" for used in exceptions - found]
    return "\n".join(sorted(lines)) or None
