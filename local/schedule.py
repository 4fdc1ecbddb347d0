"""Call the app's scheduled function periodically, as EventBridge does, with a new event each time."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.gateway.functions import LambdaContext
from local.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

INTERVAL = 60.0  # seconds

ScheduledFunction = Callable[[dict[str, Any], Any], object]


class Schedule:
    """Calls a function every `interval` seconds in a background thread, for the duration of a `with` block.

    An exception of the function is logged by its type, and the calls continue. Leaving the block does not wait
    for a call in progress.
    """

    def __init__(self, function: ScheduledFunction, interval: float = INTERVAL) -> None:
        self._function = function
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def __enter__(self) -> Schedule:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._function(scheduled_event(), _context())
            except Exception as exc:  # noqa: BLE001  (like Lambda, report whatever a function raises)
                level = logging.INFO if self._stopping.is_set() else logging.ERROR  # its process was stopped too
                log.log(level, "the scheduled function raised %s", type(exc).__name__)


def scheduled_event() -> dict[str, Any]:
    """Return an event as EventBridge sends it for a schedule (EventBridge User Guide, "Scheduled events")."""
    settings = GatewaySettings()
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": settings.account_id,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": settings.region,
        "resources": [f"arn:aws:events:{settings.region}:{settings.account_id}:rule/sweep"],
        "detail": {},
    }


def _context() -> LambdaContext:
    return LambdaContext("sweep", str(uuid.uuid4()), GatewaySettings())
