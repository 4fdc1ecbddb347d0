"""The health check: whether both tables answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap import Application
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.observability import logs


def check(chat: Application) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the response. It reads items that never exist."""
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
