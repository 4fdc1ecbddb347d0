"""What Lambda writes by itself is JSON as well, and drops none of our metrics."""

from __future__ import annotations

from typing import Any

from infra.template.names import FUNCTIONS

Json = dict[str, Any]


def test_the_platforms_lines_are_json_and_metrics_get_through(resources: Json) -> None:
    for function in FUNCTIONS:
        logging = resources[function.logical_id]["Properties"]["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        # Our metrics are lines without a level, which count as INFO.
        assert logging["ApplicationLogLevel"] == "INFO"
