"""Alarms look at what is there, tell somebody, and miss nothing that people feel; the dashboard shows it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.metrics import Metric
from chalicelib.observability import metrics
from chalicelib.observability.context import Invocation
from chalicelib.observability.metrics import NAMESPACE
from infra.stage import Alarms, Stage
from infra.template import alarms
from infra.template.dashboard import MAX_METRICS
from infra.template.names import FUNCTIONS

Json = dict[str, Any]


@pytest.fixture
def found(resources: Json) -> Json:
    return {
        name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"
    }


def watching(found: Json, metric: str, **dimensions: object) -> list[Json]:
    wanted = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return [each for each in found.values() if each["MetricName"] == metric and each["Dimensions"] == wanted]


def test_every_function_has_alarms_for_errors_and_throttles(found: Json) -> None:
    for function in FUNCTIONS:
        for metric in ("Errors", "Throttles"):
            (alarm,) = watching(found, metric, FunctionName={"Ref": function.logical_id})
            assert alarm["Namespace"] == "AWS/Lambda"
            assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)


def test_what_people_wait_for_has_an_alarm_for_its_latency(found: Json, stage: Stage) -> None:
    for function in FUNCTIONS:
        slow = watching(found, "Duration", FunctionName={"Ref": function.logical_id})
        assert len(slow) == (function.name in {"api", "auth", "connect", "message"})
        for alarm in slow:
            assert alarm["ExtendedStatistic"] == "p99"
            assert alarm["Threshold"] == stage.infra.alarms.latency_p99_ms
            assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"


def test_the_gateways_have_alarms(found: Json, stage: Stage, resources: Json) -> None:
    http = {"ApiName": resources["RestAPI"]["Properties"]["Name"], "Stage": stage.api_stage}
    assert len(watching(found, "5XXError", **http)) == 1
    assert len(watching(found, "Latency", **http)) == 1
    assert len(watching(found, "ExecutionError", ApiId={"Ref": "WebsocketAPI"}, Stage=stage.api_stage)) == 1


def test_refused_and_dropped_posts_have_alarms(found: Json, stage: Stage) -> None:
    for metric in ("PostsThrottled", "PostsDropped"):
        (alarm,) = watching(found, metric, Stage=stage.name)
        assert (alarm["Namespace"], alarm["Statistic"]) == ("Chat", "Sum")


def test_throttled_tables_have_alarms(found: Json) -> None:
    for table in ("ConversationsTable", "ConnectionsTable"):
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            assert len(watching(found, metric, TableName={"Ref": table})) == 1


def test_every_alarm_tells_the_topic_and_is_silent_without_requests(found: Json) -> None:
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert len(alarm["AlarmDescription"]) > 20


def test_what_is_measured_is_shown_and_what_is_watched_is_measured(
    found: Json, resources: Json, stage: Stage
) -> None:
    # A figure that nobody looks at costs as much as one that somebody does; one that nobody writes shows nothing.
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = {
        metric[1]
        for widget in body["widgets"]
        for metric in widget["properties"]["metrics"]
        if metric[0] == NAMESPACE
    }
    watched = {each["MetricName"] for each in found.values() if each["Namespace"] == NAMESPACE}
    measured = {each.value for each in Metric}
    assert shown == measured
    assert watched <= measured


def test_our_metrics_are_looked_for_where_they_are_written(found: Json, stage: Stage) -> None:
    invocation = Invocation("message", cold_start=True)
    line = json.loads(metrics.line(invocation, stage.name, 0))
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == alarms.NAMESPACE
    (names,) = definition["Dimensions"]
    where = [{"Name": name, "Value": line[name]} for name in names]
    ours = [each for each in found.values() if each["Namespace"] == NAMESPACE]
    assert ours
    assert all(each["Dimensions"] == where for each in ours)


def test_an_address_is_subscribed_if_one_is_given(stage: Stage) -> None:
    def topic(email: str) -> Json:
        infra = stage.infra.model_copy(update={"alarms": Alarms(email=email)})
        properties: Json = alarms.fragment(replace(stage, infra=infra))["Resources"]["AlarmTopic"]["Properties"]
        return properties

    assert "Subscription" not in topic("")
    assert topic("ops@chat.test")["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@chat.test"}]


def test_the_dashboard_shows_metrics_of_what_is_there(resources: Json, stage: Stage) -> None:
    dashboard = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    referred = set(re.findall(r"\$\{([A-Za-z]+)\}", dashboard))
    assert referred <= set(resources)
    shown = {each.logical_id for each in FUNCTIONS if each.on_dashboard}
    assert referred >= {"ConversationsTable", "ConnectionsTable", *shown}
    widgets = json.loads(dashboard)["widgets"]
    places = [(each["x"], each["y"]) for each in widgets]
    assert len(set(places)) == len(places)
    metrics = [metric for each in widgets for metric in each["properties"]["metrics"]]
    assert len(metrics) <= MAX_METRICS
    assert all(metric[2:] == ["Stage", stage.name] for metric in metrics if metric[0] == "Chat")
