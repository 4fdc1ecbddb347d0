"""Metrics in CloudWatch's embedded format: a log line of which CloudWatch itself takes the figures.

At most one line an invocation, and none if there is nothing to tell. Its only dimension is the stage, so every
measure is one metric; what else is in the line (function, ids) can be searched for and costs no metric.
(CloudWatch user guide, "Specification: Embedded metric format".)
"""

from __future__ import annotations

import json
import logging
import time

from chalicelib.core.kernel.metrics import Metric
from chalicelib.observability import logs
from chalicelib.observability.context import Invocation

NAMESPACE = "Chat"
MAX_VALUES = 100
"""Values of one metric in a line."""
_IDS = ("request_id", "connection_id", "conversation_id")
"""What a line says besides the figures. Who somebody is does not belong to them."""
_logger = logging.getLogger(logs.METRICS)
_logger.setLevel(logging.INFO)


def write(invocation: Invocation, stage: str) -> None:
    """Write the line of an invocation. Does not raise: a figure is not worth a message."""
    try:
        written = line(invocation, stage, time.time_ns() // 1_000_000)
        if written:
            _logger.info(written)
    except Exception as error:  # noqa: BLE001
        logs.log_failure(error)


def line(invocation: Invocation, stage: str, timestamp: int) -> str:
    """The line, empty if nothing was measured. `timestamp` is in milliseconds since the epoch."""
    values: dict[Metric, list[float]] = {}
    for what, value in list(invocation.metrics):
        known = values.setdefault(what, [])
        if known and what.is_counter:
            known[0] += value
        elif len(known) < MAX_VALUES:
            known.append(value)
    if not values:
        return ""
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [["Stage"]],
        "Metrics": [{"Name": each.value, "Unit": each.unit} for each in values],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [definition]},
            "Stage": stage,
            "function": invocation.function,
            **{name: invocation.ids[name] for name in _IDS if name in invocation.ids},
            **{each.value: found if len(found) > 1 else found[0] for each, found in values.items()},
        },
        separators=(",", ":"),
    )
