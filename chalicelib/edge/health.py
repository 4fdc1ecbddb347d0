"""Whether the service works: alive, and both tables really answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap import Application
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.observability import logs


def check(chat: Application) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer. The reads are of items that never exist."""
    checks = {
        "conversations": _probe(lambda: chat.stores.event_log.head("health")),
        "connections": _probe(lambda: chat.stores.connections.get("health")),
    }
    healthy = all(state == "ok" for state in checks.values())
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
