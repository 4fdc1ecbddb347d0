"""Metrics in CloudWatch's embedded metric format: log lines from which CloudWatch extracts the values.

There is at most one line per invocation, and none without metrics. The only dimension is the stage, so that each
metric is billed once; the other fields (function, ids) are searchable and cost nothing (CloudWatch user guide,
"Specification: Embedded metric format").
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
"""The maximum number of values of one metric in a line."""
_IDS = ("request_id", "connection_id", "conversation_id")
"""The ids in a line. The participant id is not one of them."""
_logger = logging.getLogger(logs.METRICS)
_logger.setLevel(logging.INFO)


def write(invocation: Invocation, stage: str) -> None:
    """Write the line of an invocation. Does not raise: a metric must not fail a request."""
    try:
        written = line(invocation, stage, time.time_ns() // 1_000_000)
        if written:
            _logger.info(written)
    except Exception as error:  # noqa: BLE001
        logs.log_failure(error)


def line(invocation: Invocation, stage: str, timestamp: int) -> str:
    """Return the line, empty without metrics. `timestamp` is in milliseconds since the epoch."""
    values: dict[Metric, list[float]] = {}
    for metric, value in list(invocation.metrics):
        recorded = values.setdefault(metric, [])
        if recorded and metric.is_counter:
            recorded[0] += value
        elif len(recorded) < MAX_VALUES:
            recorded.append(value)
    if not values:
        return ""
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [["Stage"]],
        "Metrics": [{"Name": metric.value, "Unit": metric.unit} for metric in values],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [definition]},
            "Stage": stage,
            "function": invocation.function,
            **{name: invocation.ids[name] for name in _IDS if name in invocation.ids},
            **{metric.value: found if len(found) > 1 else found[0] for metric, found in values.items()},
        },
        separators=(",", ":"),
    )
