"""Alarms, and the topic that they notify."""

from __future__ import annotations

from typing import Literal

from infra.hook import hook_of
from infra.stage import Stage
from infra.template.http_api import api_name
from infra.template.names import Json, functions_of, ref

NAMESPACE = "Chat"
"""The namespace of the application's own metrics."""
Urgency = Literal["page", "ticket"]
"""A page wakes a person: users notice at once, and nothing recovers by itself. A ticket can wait until morning."""
_PERIOD = 300
_POST_THRESHOLD = 50
"""Rejected posts in five minutes. Each is retried, but so many mean an exhausted quota or slow receivers."""

_HOOK_THRESHOLD = 5
"""Failures of the hook in five minutes: more than a cold start that takes too long."""


def fragment(stage: Stage) -> Json:
    """Return the alarms and their topic."""
    topic: Json = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"Alarms of {stage.full_name}"}}
    if stage.infra.alarms.email:
        topic["Properties"]["Subscription"] = [{"Protocol": "email", "Endpoint": stage.infra.alarms.email}]
    alarms = {**_function_alarms(stage), **_gateway_alarms(stage), **_post_alarms(stage), **_table_alarms()}
    return {"Resources": {"AlarmTopic": topic, **alarms, **_hook_alarms(stage)}}


def _function_alarms(stage: Stage) -> Json:
    """Return the functions' alarms. Handlers catch all exceptions: an error is a timeout or a crash."""
    alarms: Json = {}
    for function in functions_of(stage):
        metric = {"Namespace": "AWS/Lambda", "Dimensions": dimensions(FunctionName=ref(function.logical_id))}
        prefix = function.name.capitalize()
        urgency: Urgency = "page" if function.user_facing else "ticket"
        alarms[f"{prefix}ErrorsAlarm"] = alarm(
            f"{function.name} failed: timeout, out of memory, or it could not start; see its log",
            {**metric, "MetricName": "Errors", "Statistic": "Sum", "Threshold": 1},
            urgency,
        )
        alarms[f"{prefix}ThrottlesAlarm"] = alarm(
            f"{function.name} was throttled: the concurrency limit of the account or the function is exhausted",
            {**metric, "MetricName": "Throttles", "Statistic": "Sum", "Threshold": 1},
            urgency,
        )
        if function.user_facing:
            alarms[f"{prefix}LatencyAlarm"] = alarm(
                f"{function.name}: the 99th percentile of the duration exceeds its limit",
                {**metric, "MetricName": "Duration", **_p99(stage)},
            )
    return alarms


def _gateway_alarms(stage: Stage) -> Json:
    http = dimensions(ApiName=api_name(stage), Stage=stage.api_stage)
    sockets = dimensions(ApiId=ref("WebsocketAPI"), Stage=stage.api_stage)
    gateway = "AWS/ApiGateway"
    return {
        "HttpServerErrorsAlarm": alarm(
            "HTTP requests failed with 5xx; see the access log",
            {
                "Namespace": gateway,
                "Dimensions": http,
                "MetricName": "5XXError",
                "Statistic": "Sum",
                "Threshold": 5,
            },
            "page",
        ),
        "HttpLatencyAlarm": alarm(
            "the 99th percentile of HTTP latency, including the gateway, exceeds its limit",
            {"Namespace": gateway, "Dimensions": http, "MetricName": "Latency", **_p99(stage)},
        ),
        "SocketExecutionErrorsAlarm": alarm(
            "the WebSocket API could not invoke a function",
            {
                "Namespace": gateway,
                "Dimensions": sockets,
                "MetricName": "ExecutionError",
                "Statistic": "Sum",
                "Threshold": 1,
            },
            "page",
        ),
    }


def _post_alarms(stage: Stage) -> Json:
    metric = {"Namespace": NAMESPACE, "Dimensions": dimensions(Stage=stage.name), "Statistic": "Sum"}
    return {
        "PostsThrottledAlarm": alarm(
            "posts to connections were throttled (429): request rate exhausted, or slow clients",
            {**metric, "MetricName": "PostsThrottled", "Threshold": _POST_THRESHOLD},
        ),
        "PostsDroppedAlarm": alarm(
            "posts were abandoned at their deadline; the clients fetch the events with sync",
            {**metric, "MetricName": "PostsDropped", "Threshold": _POST_THRESHOLD},
        ),
    }


def _hook_alarms(stage: Stage) -> Json:
    """Return the alarm of a stage that has a hook: without it, a failure that allows is noticed late."""
    if hook_of(stage.environment) is None:
        return {}
    metric = {"Namespace": NAMESPACE, "Dimensions": dimensions(Stage=stage.name), "Statistic": "Sum"}
    return {
        "HookFailuresAlarm": alarm(
            "the hook failed, and CHAT_HOOK_FAILURE decided for it; see its log and the lines hook_failed",
            {**metric, "MetricName": "HookFailures", "Threshold": _HOOK_THRESHOLD},
        )
    }


def _table_alarms() -> Json:
    alarms: Json = {}
    for prefix, table in (("Conversations", "ConversationsTable"), ("Connections", "ConnectionsTable")):
        for kind in ("Read", "Write"):
            alarms[f"{prefix}{kind}ThrottlesAlarm"] = alarm(
                f"DynamoDB throttled {kind.lower()}s of the {prefix.lower()} table: hot partition",
                {
                    "Namespace": "AWS/DynamoDB",
                    "Dimensions": dimensions(TableName=ref(table)),
                    "MetricName": f"{kind}ThrottleEvents",
                    "Statistic": "Sum",
                    "Threshold": 1,
                },
            )
    return alarms


def alarm(description: str, properties: Json, urgency: Urgency = "ticket") -> Json:
    """Return an alarm whose description begins with its urgency; docs/operations.md has the action for each."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"[{urgency}] {description}",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "EvaluationPeriods": 1,
            # No requests produce no data, which is not an alarm.
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
            "Period": _PERIOD,
            **properties,
        },
    }


def _p99(stage: Stage) -> Json:
    """Return the properties of a latency alarm: three periods in a row, ignoring those with too few requests."""
    return {
        "ExtendedStatistic": "p99",
        "Threshold": stage.infra.alarms.latency_p99_ms,
        "EvaluationPeriods": 3,
        "EvaluateLowSampleCountPercentile": "ignore",
    }


def dimensions(**values: object) -> list[Json]:
    """Return the dimensions of a metric."""
    return [{"Name": name, "Value": value} for name, value in values.items()]
