"""The health check: whether both tables answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chalicelib.bootstrap import Application
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.observability import logs

CACHE_SECONDS = 5.0
"""For how long a process repeats a result: the route needs no credential, and each check reads both tables."""


class _Result(NamedTuple):
    chat: Application
    checked_at: float
    status: int
    body: dict[str, Any]


class _Process:
    latest: _Result | None = None


def check(chat: Application) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the response, which may be a few seconds old."""
    # The wall clock runs on while a function is frozen.
    latest, now = _Process.latest, chat.runtime.clock.now()
    if latest is None or latest.chat is not chat or not 0 <= now - latest.checked_at < CACHE_SECONDS:
        latest = _Process.latest = _Result(chat, now, *_check(chat))
    return latest.status, latest.body


def _check(chat: Application) -> tuple[int, dict[str, Any]]:
    """Check both tables, by reading items that never exist."""
    checks = {
        "conversations": _probe(lambda: chat.stores.event_log.head("health")),
        "connections": _probe(lambda: chat.stores.connections.get("health")),
    }
    healthy = all(result == "ok" for result in checks.values())
    body = {
        "status": "ok" if healthy else "unavailable",
        "checks": checks,
        "version": chat.settings.version,
    }
    return (200 if healthy else 503), body


def _probe(read: Callable[[], object]) -> str:
    try:
        read()
    except Unavailable as error:
        logs.log_failure(error, check="health")
        return "unavailable"
    return "ok"
