"""Lambda's own log lines are JSON too, and the log level drops none of the metrics."""

from __future__ import annotations

from typing import Any

from infra.stage import Stage
from infra.template.names import functions_of

Json = dict[str, Any]


def test_platform_log_lines_are_json_and_metrics_pass_the_log_level(resources: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        logging = resources[function.logical_id]["Properties"]["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        # Metric lines have no level, which counts as INFO.
        assert logging["ApplicationLogLevel"] == "INFO"
