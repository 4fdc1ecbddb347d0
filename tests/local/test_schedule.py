"""The schedule calls its function periodically, also after an exception, until its context ends."""

from __future__ import annotations

import logging
import queue
from typing import Any

import pytest
from chalice.app import Chalice, CloudWatchEvent, Rate

from local.schedule import Schedule
from tests.local.instance import TIMEOUT


def test_scheduled_function_receives_an_eventbridge_event_and_an_exception_is_logged_by_type(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    app = Chalice(app_name="scheduled")

    @app.schedule(Rate(1, unit=Rate.MINUTES))
    def sweep(event: CloudWatchEvent) -> None:
        calls.put({"source": event.source, "type": event.detail_type, "context": event.context})
        raise ValueError("a text that must not be logged")

    with caplog.at_level(logging.ERROR, "local.schedule"), Schedule(sweep, interval=0.001):
        received = [calls.get(timeout=TIMEOUT) for _ in range(2)]
    for call in received:
        assert (call["source"], call["type"]) == ("aws.events", "Scheduled Event")
        assert call["context"].get_remaining_time_in_millis() > 0
    assert caplog.messages[0] == "the scheduled function raised ValueError"


def test_schedule_waits_before_the_first_call_and_ends_with_its_context() -> None:
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()
    with Schedule(lambda _event, _context: calls.put(None), interval=TIMEOUT):
        pass
    assert calls.empty()
