"""The scheduled function runs again and again, whatever it raises, until the instance ends."""

from __future__ import annotations

import logging
import queue
from typing import Any

import pytest
from chalice.app import Chalice, CloudWatchEvent, Rate

from local.schedule import Schedule
from tests.local.instance import PATIENCE


def test_it_is_called_with_what_eventbridge_sends_and_an_error_does_not_stop_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    app = Chalice(app_name="scheduled")

    @app.schedule(Rate(1, unit=Rate.MINUTES))
    def sweep(event: CloudWatchEvent) -> None:
        calls.put({"source": event.source, "type": event.detail_type, "left": event.context})
        raise ValueError("a text that is nobody's business")

    with caplog.at_level(logging.ERROR, "local.schedule"), Schedule(sweep, interval=0.001):
        seen = [calls.get(timeout=PATIENCE) for _ in range(2)]
    for each in seen:
        assert (each["source"], each["type"]) == ("aws.events", "Scheduled Event")
        assert each["left"].get_remaining_time_in_millis() > 0
    assert caplog.messages[0] == "the scheduled function raised ValueError"


def test_it_waits_before_the_first_call_and_ends_with_its_context() -> None:
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()
    with Schedule(lambda _event, _context: calls.put(None), interval=PATIENCE):
        pass
    assert calls.empty()
