"""Alarms and dashboard reference existing resources and metrics, and cover what affects users."""

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
from infra.hook import hook_of
from infra.stage import Alarms, Stage
from infra.template import alarms
from infra.template.dashboard import MAX_METRICS
from infra.template.names import FUNCTIONS, functions_of
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
OF_EVENTS = {
    *(f"{name}{kind}Alarm" for name in ("Publish", "Deliver") for kind in ("Errors", "Throttles")),
    "StreamBehindAlarm",
    "StreamExpiringAlarm",
    "DeliveryDeadLettersAlarm",
    "DeliveriesWaitingAlarm",
    "EndpointDisabledAlarm",
    "PublishingLagAlarm",
}
"""The alarms that only a stage with events has."""


@pytest.fixture
def found(resources: Json) -> Json:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def watching(found: Json, metric: str, **dimensions: object) -> list[Json]:
    wanted = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return [item for item in found.values() if item["MetricName"] == metric and item["Dimensions"] == wanted]


def test_every_function_has_error_and_throttle_alarms(found: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        for metric in ("Errors", "Throttles"):
            (alarm,) = watching(found, metric, FunctionName={"Ref": function.logical_id})
            assert alarm["Namespace"] == "AWS/Lambda"
            assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)


def test_user_facing_functions_have_latency_alarms(found: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        slow = watching(found, "Duration", FunctionName={"Ref": function.logical_id})
        assert len(slow) == (function.name in {"api", "auth", "connect", "message"})
        for alarm in slow:
            assert alarm["ExtendedStatistic"] == "p99"
            assert alarm["Threshold"] == stage.infra.alarms.latency_p99_ms
            assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"


def test_gateways_have_alarms(found: Json, stage: Stage, resources: Json) -> None:
    http = {"ApiName": resources["RestAPI"]["Properties"]["Name"], "Stage": stage.api_stage}
    assert len(watching(found, "5XXError", **http)) == 1
    assert len(watching(found, "Latency", **http)) == 1
    assert len(watching(found, "ExecutionError", ApiId={"Ref": "WebsocketAPI"}, Stage=stage.api_stage)) == 1


def test_throttled_and_dropped_posts_have_alarms(found: Json, stage: Stage) -> None:
    for metric in ("PostsThrottled", "PostsDropped"):
        (alarm,) = watching(found, metric, Stage=stage.name)
        assert (alarm["Namespace"], alarm["Statistic"]) == ("Chat", "Sum")


def test_throttled_tables_have_alarms(found: Json) -> None:
    for table in ("ConversationsTable", "ConnectionsTable"):
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            assert len(watching(found, metric, TableName={"Ref": table})) == 1


def test_every_alarm_notifies_the_topic_and_ignores_missing_data(found: Json) -> None:
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert len(alarm["AlarmDescription"]) > 20


def test_alarms_that_wake_a_person_are_those_that_users_notice_at_once(found: Json) -> None:
    paging = {name for name, alarm in found.items() if alarm["AlarmDescription"].startswith("[page] ")}
    functions = [function.name.capitalize() for function in FUNCTIONS if function.user_facing]
    expected = {f"{name}{kind}Alarm" for name in functions for kind in ("Errors", "Throttles")}
    assert paging == expected | {"HttpServerErrorsAlarm", "SocketExecutionErrorsAlarm"}
    others = [alarm for name, alarm in found.items() if name not in paging]
    assert all(alarm["AlarmDescription"].startswith("[ticket] ") for alarm in others)


def test_only_a_stage_with_a_hook_has_an_alarm_for_it(found: Json, stage: Stage) -> None:
    alarms = watching(found, "HookFailures", Stage=stage.name)
    assert [alarm["Threshold"] for alarm in alarms] == ([] if hook_of(stage.environment) is None else [5])


def test_document_has_the_urgency_and_the_action_of_every_alarm(found: Json, stage: Stage) -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("\n## Alarms\n")[2].partition("\n## ")[0]
    rows = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+Alarm)`", cells[0]):
            assert name not in rows, f"{name} has two rows"
            rows[name] = cells[1]
            assert len(cells) == 4 and all(cells)
    if hook_of(stage.environment) is None:
        del rows["HookFailuresAlarm"]
    urgencies = {name: alarm["AlarmDescription"][1:].partition("]")[0] for name, alarm in found.items()}
    if stage.infra.events is None:
        rows = {name: urgency for name, urgency in rows.items() if name not in OF_EVENTS}
    assert rows == urgencies


def test_every_alarm_is_raised_at_its_threshold(found: Json) -> None:
    assert {alarm["ComparisonOperator"] for alarm in found.values()} == {"GreaterThanOrEqualToThreshold"}
    assert {alarm["Period"] for alarm in found.values()} == {300}
    periods = {name: alarm["EvaluationPeriods"] for name, alarm in found.items()}
    lag = {"PublishingLagAlarm": 4}
    assert all(
        count == lag.get(name, 3 if name.endswith("LatencyAlarm") else 1) for name, count in periods.items()
    )


def test_every_metric_is_shown_and_every_alarm_has_a_metric(found: Json, resources: Json, stage: Stage) -> None:
    # A metric that is not shown costs as much as one that is; an alarm without a metric never fires.
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = {
        metric[1]
        for widget in body["widgets"]
        for metric in widget["properties"]["metrics"]
        if metric[0] == NAMESPACE
    }
    watched = {item["MetricName"] for item in found.values() if item["Namespace"] == NAMESPACE}
    measured = {metric.value for metric in Metric}
    of_events = set() if stage.infra.events else {Metric.PUBLISHING_LAG.value}
    not_shown = {Metric.HOOK_FAILURES.value, *of_events}
    assert shown == measured - not_shown, "written with a hook, or with events, only; 50 metrics are free"
    assert watched <= measured


def test_alarms_use_the_dimensions_of_the_written_metrics(found: Json, stage: Stage) -> None:
    invocation = Invocation("message", cold_start=True)
    line = json.loads(metrics.line(invocation, stage.name, 0))
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == alarms.NAMESPACE
    (names,) = definition["Dimensions"]
    where = [{"Name": name, "Value": line[name]} for name in names]
    ours = [item for item in found.values() if item["Namespace"] == NAMESPACE]
    assert ours
    assert all(our["Dimensions"] == where for our in ours)


def test_configured_email_is_subscribed(stage: Stage) -> None:
    def topic(email: str) -> Json:
        infra = stage.infra.model_copy(update={"alarms": Alarms(email=email)})
        properties: Json = alarms.fragment(replace(stage, infra=infra))["Resources"]["AlarmTopic"]["Properties"]
        return properties

    assert "Subscription" not in topic("")
    assert topic("ops@chat.test")["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@chat.test"}]


def test_dashboard_references_existing_resources(resources: Json, stage: Stage) -> None:
    dashboard = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    referred = set(re.findall(r"\$\{([A-Za-z]+)\}", dashboard))
    assert referred <= set(resources)
    shown = {function.logical_id for function in FUNCTIONS if function.on_dashboard}
    assert referred >= {"ConversationsTable", "ConnectionsTable", *shown}
    widgets = json.loads(dashboard)["widgets"]
    places = [(widget["x"], widget["y"]) for widget in widgets]
    assert len(set(places)) == len(places)
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    assert len(metrics) <= MAX_METRICS
    assert all(metric[2:] == ["Stage", stage.name] for metric in metrics if metric[0] == "Chat")
