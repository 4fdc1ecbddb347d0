"""The guard's record of calls, without keys and values of items and without connection ids."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from local.iam.access import Access
from local.policy import Grant, Policy, matches


class AllowedCall(NamedTuple):
    """Allowed calls, by the first statement that allows them."""

    function: str
    action: str
    resource: str
    sid: str
    times: int


class DeniedCall(NamedTuple):
    """Denied calls; `function` is None if the request has no key id, or an unknown one."""

    function: str | None
    action: str
    resource: str
    times: int


class Permission(NamedTuple):
    """A permission as written in a policy."""

    function: str
    sid: str
    action: str
    resource: str


class PermissionRecord:
    """Counts calls while the guard runs. Thread-safe."""

    def __init__(self, policies: Mapping[str, Policy], services: Iterable[str]) -> None:
        """`services` are those behind the guard; the use of other services' permissions is not observable."""
        self._policies = policies
        self._services = tuple(services)
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, Access, Grant]] = Counter()
        self._denied: Counter[tuple[str | None, Access]] = Counter()

    def allow(self, function: str, grants: Mapping[Access, Grant]) -> None:
        """Count an allowed call."""
        with self._lock:
            for access, grant in grants.items():
                self._calls[function, access.redacted(), grant] += 1

    def deny(self, function: str | None, accesses: Iterable[Access]) -> None:
        """Count a denied call."""
        with self._lock:
            for access in accesses:
                self._denied[function, access.redacted()] += 1

    def calls(self) -> list[AllowedCall]:
        """Return the allowed calls in alphabetical order."""
        with self._lock:
            counts = Counter[tuple[str, str, str, str]]()
            for (function, access, grant), count in self._calls.items():
                counts[function, access.action, access.resource, grant.sid] += count
        return [AllowedCall(*key, count) for key, count in sorted(counts.items())]

    def denied(self) -> list[DeniedCall]:
        """Return the denied calls in alphabetical order."""
        with self._lock:
            counts = dict(self._denied)
        denials = (DeniedCall(function, *access, count) for (function, access), count in counts.items())
        return sorted(denials, key=lambda denial: (denial.function or "", *denial[1:]))

    def unused(self) -> list[Permission]:
        """Return the unused permissions for the services behind the guard."""
        with self._lock:
            used = {(function, grant) for function, _, grant in self._calls}
        return [
            Permission(function, *grant)
            for function, grant in self._grants(watched=True)
            if (function, grant) not in used
        ]

    def unwatched(self) -> list[Permission]:
        """Return the permissions for other services."""
        return [Permission(function, *grant) for function, grant in self._grants(watched=False)]

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything as JSON-serializable data."""
        parts: dict[str, Iterable[AllowedCall | DeniedCall | Permission]] = {
            "calls": self.calls(),
            "denied": self.denied(),
            "unused": self.unused(),
            "unwatched": self.unwatched(),
        }
        return {name: [entry._asdict() for entry in entries] for name, entries in parts.items()}

    def _grants(self, *, watched: bool) -> Iterable[tuple[str, Grant]]:
        for function, policy in self._policies.items():
            yield from ((function, grant) for grant in policy.grants() if self._is_watched(grant) is watched)

    def _is_watched(self, grant: Grant) -> bool:
        service = grant.action.partition(":")[0].lower()
        return any(matches(service, watched) for watched in self._services)
