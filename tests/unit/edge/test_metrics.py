"""The embedded metric format, by the rules that CloudWatch publishes for it (user guide, "Specification")."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kernel.metrics import Metric
from chalicelib.observability import context, metrics
from chalicelib.observability.context import Invocation
from infra.template.names import ALL_FUNCTIONS

Json = dict[str, Any]
# CloudWatch's own limits and words.
UNITS = {
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Percent",
    "Count",
    "Count/Second",
    "None",
}
MOST_METRICS, MOST_VALUES, MOST_DIMENSIONS, LONGEST_NAME = 100, 100, 30, 1024
EVENT_BYTES = 256 * 1024
MEASURED = st.lists(
    st.tuples(st.sampled_from(Metric), st.one_of(st.integers(1, 10**6), st.floats(0, 1e7))), max_size=300
)


def invocation(measured: list[tuple[Metric, float]], **ids: str) -> Invocation:
    made = Invocation("message", cold_start=False, **ids)
    made.metrics.extend(measured)
    return made


def written(measured: list[tuple[Metric, float]], **ids: str) -> Json:
    line: Json = json.loads(metrics.line(invocation(measured, **ids), "dev", 1_700_000_000_000))
    return line


def check_format(line: Json) -> dict[str, list[float]]:
    """Hold a line to the specification; the values by metric."""
    meta = line["_aws"]
    assert isinstance(meta["Timestamp"], int)
    found: dict[str, list[float]] = {}
    for definition in meta["CloudWatchMetrics"]:
        assert set(definition) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(definition["Namespace"]) <= LONGEST_NAME
        assert definition["Dimensions"]
        for dimensions in definition["Dimensions"]:
            assert 1 <= len(dimensions) <= MOST_DIMENSIONS
            for name in dimensions:
                assert isinstance(line[name], str), "a dimension is a text at the top of the line"
        assert 1 <= len(definition["Metrics"]) <= MOST_METRICS
        for metric in definition["Metrics"]:
            assert set(metric) <= {"Name", "Unit", "StorageResolution"}
            assert 1 <= len(metric["Name"]) <= LONGEST_NAME
            assert metric["Unit"] in UNITS
            value = line[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            assert 1 <= len(values) <= MOST_VALUES
            assert all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
            assert metric["Name"] not in found, "named once"
            found[metric["Name"]] = values
    return found


@given(MEASURED.filter(bool))
def test_lines_have_the_embedded_metric_format(measured: list[tuple[Metric, float]]) -> None:
    text = metrics.line(invocation(measured, request_id="r", connection_id="c="), "dev", 1)
    assert "\n" not in text
    assert len(text.encode()) < EVENT_BYTES
    found = check_format(json.loads(text))
    assert set(found) == {what.value for what, _ in measured}
    for what in {what for what, _ in measured}:
        values = [value for each, value in measured if each is what]
        if what.is_counter:
            assert found[what.value] == [pytest.approx(sum(values))]
        else:
            assert found[what.value] == values[:MOST_VALUES]


def test_stage_is_the_only_dimension_and_ids_are_fields() -> None:
    line = written([(Metric.MESSAGES_ACCEPTED, 1)], request_id="r", connection_id="c=", participant_id="alice")
    assert line == {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Chat",
                    "Dimensions": [["Stage"]],
                    "Metrics": [{"Name": "MessagesAccepted", "Unit": "Count"}],
                }
            ],
        },
        "Stage": "dev",
        "function": "message",
        "request_id": "r",
        "connection_id": "c=",
        "MessagesAccepted": 1,
    }


def test_counts_are_added_up_and_values_listed() -> None:
    line = written(
        [(Metric.POSTS_GONE, 1), (Metric.FAN_OUT_SIZE, 20), (Metric.POSTS_GONE, 2), (Metric.FAN_OUT_SIZE, 3)]
    )
    assert (line["PostsGone"], line["FanOutSize"]) == (3, [20, 3])
    units = {each["Name"]: each["Unit"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {"PostsGone": "Count", "FanOutSize": "Count"}
    assert Metric.ACK_LATENCY.unit == Metric.FAN_OUT_LATENCY.unit == "Milliseconds"


def test_invocation_without_metrics_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    metrics.write(invocation([]), "dev")
    assert caplog.records == []


def test_line_has_its_timestamp(caplog: pytest.LogCaptureFixture) -> None:
    before = int(time.time() * 1000)
    metrics.write(invocation([(Metric.COLD_STARTS, 1)]), "dev")
    (record,) = caplog.records
    assert before <= json.loads(record.getMessage())["_aws"]["Timestamp"] <= time.time() * 1000


def test_metric_that_cannot_be_written_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    metrics.write(invocation([(Metric.ACK_LATENCY, object())]), "dev")  # type: ignore[list-item]
    (record,) = caplog.records
    assert record.__dict__["event"] == "failure"
    assert record.__dict__["fields"]["errors"][0].startswith("TypeError")


def test_broken_log_raises_nothing() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the log is full")

    broken = Broken()
    logging.getLogger().addHandler(broken)
    try:
        metrics.write(invocation([(Metric.COLD_STARTS, 1)]), "dev")
    finally:
        logging.getLogger().removeHandler(broken)


def test_concurrent_invocations_have_separate_metrics() -> None:
    def one(number: int) -> Json:
        this = Invocation("message", request_id=str(number))
        token = context.enter(this)
        try:
            gather = context.propagating_context(_in_pool)
            gather(*[lambda: context.observer.count(Metric.POSTS_DELIVERED)] * (number + 1))
            context.observer.bind(conversation_id=f"conv_{number}", participant_id="")
        finally:
            context.leave(token)
        line: Json = json.loads(metrics.line(this, "dev", 0))
        return line

    def _in_pool(*calls: Any) -> list[Any]:
        with ThreadPoolExecutor(4) as threads:
            return [each.result() for each in [threads.submit(call) for call in calls]]

    with ThreadPoolExecutor(8) as threads:
        lines = list(threads.map(one, range(40)))
    assert [line["PostsDelivered"] for line in lines] == [number + 1 for number in range(40)]
    assert [line["conversation_id"] for line in lines] == [f"conv_{number}" for number in range(40)]


def test_zero_is_recorded_for_times_but_not_for_counters() -> None:
    this = Invocation("message")
    token = context.enter(this)
    context.observer.count(Metric.POSTS_GONE, 0)
    context.observer.count(Metric.ACK_LATENCY, 0.0)
    context.leave(token)
    assert this.metrics == [(Metric.ACK_LATENCY, 0.0)]


def test_metrics_outside_of_an_invocation_are_ignored() -> None:
    context.observer.count(Metric.COLD_STARTS)
    context.observer.bind(participant_id="alice")
    assert context.current() is None


def test_functions_have_the_names_of_the_template() -> None:
    edge = Path(metrics.__file__).parents[1] / "edge"
    called = {
        name.name
        for name in ALL_FUNCTIONS
        if any(f'invocation("{name.name}"' in each.read_text() for each in edge.glob("*.py"))
    }
    assert called == {each.name for each in ALL_FUNCTIONS}
