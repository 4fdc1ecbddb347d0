"""What was asked of the guard: how often who did what to what. No keys and values of items, no ids of sockets."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from local.gateway.policy import matches
from local.iam.access import Access
from local.iam.policy import Grant, Policy


class AllowedCall(NamedTuple):
    """Calls that were allowed, by the first statement that allows them."""

    function: str
    action: str
    resource: str
    sid: str
    times: int


class DeniedCall(NamedTuple):
    """Calls that were denied; `function` is None where the caller has no key id, or one that nobody was given."""

    function: str | None
    action: str
    resource: str
    times: int


class Permission(NamedTuple):
    """Something that a policy allows, as it is written there."""

    function: str
    sid: str
    action: str
    resource: str


class PermissionRecord:
    """Counts for as long as the guard runs. Safe from any thread."""

    def __init__(self, policies: Mapping[str, Policy], services: Iterable[str]) -> None:
        """`services` are those whose calls pass by: the others' permissions cannot be seen in use."""
        self._policies = policies
        self._services = tuple(services)
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, Access, Grant]] = Counter()
        self._denied: Counter[tuple[str | None, Access]] = Counter()

    def allow(self, function: str, grants: Mapping[Access, Grant]) -> None:
        """Count a call that was let through."""
        with self._lock:
            for access, grant in grants.items():
                self._calls[function, access.redacted(), grant] += 1

    def deny(self, function: str | None, accesses: Iterable[Access]) -> None:
        """Count a call that was refused."""
        with self._lock:
            for access in accesses:
                self._denied[function, access.redacted()] += 1

    def calls(self) -> list[AllowedCall]:
        """What was allowed, in alphabetical order."""
        with self._lock:
            counts = Counter[tuple[str, str, str, str]]()
            for (function, access, grant), count in self._calls.items():
                counts[function, access.action, access.resource, grant.sid] += count
        return [AllowedCall(*what, count) for what, count in sorted(counts.items())]

    def denied(self) -> list[DeniedCall]:
        """What was denied, in alphabetical order."""
        with self._lock:
            counts = dict(self._denied)
        denials = (DeniedCall(function, *access, count) for (function, access), count in counts.items())
        return sorted(denials, key=lambda each: (each.function or "", *each[1:]))

    def unused(self) -> list[Permission]:
        """What is allowed and was never used, of the services whose calls pass by."""
        with self._lock:
            used = {(function, grant) for function, _, grant in self._calls}
        return [
            Permission(function, *grant)
            for function, grant in self._grants(watched=True)
            if (function, grant) not in used
        ]

    def unwatched(self) -> list[Permission]:
        """What is allowed of other services."""
        return [Permission(function, *grant) for function, grant in self._grants(watched=False)]

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """All of it."""
        parts: dict[str, Iterable[AllowedCall | DeniedCall | Permission]] = {
            "calls": self.calls(),
            "denied": self.denied(),
            "unused": self.unused(),
            "unwatched": self.unwatched(),
        }
        return {name: [each._asdict() for each in found] for name, found in parts.items()}

    def _grants(self, *, watched: bool) -> Iterable[tuple[str, Grant]]:
        for function, policy in self._policies.items():
            yield from ((function, each) for each in policy.grants() if self._is_watched(each) is watched)

    def _is_watched(self, grant: Grant) -> bool:
        service = grant.action.partition(":")[0].lower()
        return any(matches(service, each) for each in self._services)
