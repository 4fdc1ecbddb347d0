"""Alarms: what a person should be told about, and a topic that tells them."""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import FUNCTIONS, Json, ref

NAMESPACE = "Chat"
"""Of the metrics that the application writes itself."""
_PERIOD = 300
_POST_THRESHOLD = 50
"""Refused posts in five minutes: each is tried again, but so many mean that something is used up or too slow."""


def fragment(stage: Stage) -> Json:
    """The alarms and their topic."""
    topic: Json = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"Alarms of {stage.full_name}"}}
    if stage.infra.alarms.email:
        topic["Properties"]["Subscription"] = [{"Protocol": "email", "Endpoint": stage.infra.alarms.email}]
    alarms = {**_function_alarms(stage), **_gateway_alarms(stage), **_post_alarms(stage), **_table_alarms()}
    return {"Resources": {"AlarmTopic": topic, **alarms}}


def _function_alarms(stage: Stage) -> Json:
    """Handlers answer whatever happens: a function that fails ran out of time or memory, or could not start."""
    alarms: Json = {}
    for function in FUNCTIONS:
        metric = {"Namespace": "AWS/Lambda", "Dimensions": _dimensions(FunctionName=ref(function.logical_id))}
        prefix = function.name.capitalize()
        alarms[f"{prefix}ErrorsAlarm"] = _alarm(
            f"{function.name} failed: out of time or memory, or it could not start; its log says which",
            {**metric, "MetricName": "Errors", "Statistic": "Sum", "Threshold": 1},
        )
        alarms[f"{prefix}ThrottlesAlarm"] = _alarm(
            f"{function.name} was refused by Lambda: the account's concurrency or the function's own is used up",
            {**metric, "MetricName": "Throttles", "Statistic": "Sum", "Threshold": 1},
        )
        if function.user_facing:
            alarms[f"{prefix}LatencyAlarm"] = _alarm(
                f"{function.name}: one of a hundred took longer than it may",
                {**metric, "MetricName": "Duration", **_p99(stage)},
            )
    return alarms


def _gateway_alarms(stage: Stage) -> Json:
    http = _dimensions(ApiName=f"{stage.full_name}-http", Stage=stage.api_stage)
    sockets = _dimensions(ApiId=ref("WebsocketAPI"), Stage=stage.api_stage)
    gateway = "AWS/ApiGateway"
    return {
        "HttpServerErrorsAlarm": _alarm(
            "HTTP requests were answered with 5xx; the access log says which",
            {
                "Namespace": gateway,
                "Dimensions": http,
                "MetricName": "5XXError",
                "Statistic": "Sum",
                "Threshold": 5,
            },
        ),
        "HttpLatencyAlarm": _alarm(
            "one of a hundred HTTP requests took longer than it may, the gateway's own time included",
            {"Namespace": gateway, "Dimensions": http, "MetricName": "Latency", **_p99(stage)},
        ),
        "SocketExecutionErrorsAlarm": _alarm(
            "the WebSocket API could not call a function",
            {
                "Namespace": gateway,
                "Dimensions": sockets,
                "MetricName": "ExecutionError",
                "Statistic": "Sum",
                "Threshold": 1,
            },
        ),
    }


def _post_alarms(stage: Stage) -> Json:
    metric = {"Namespace": NAMESPACE, "Dimensions": _dimensions(Stage=stage.name), "Statistic": "Sum"}
    return {
        "PostsThrottledAlarm": _alarm(
            "posts to sockets were refused (429): the account's request rate is used up, or readers are too slow",
            {**metric, "MetricName": "PostsThrottled", "Threshold": _POST_THRESHOLD},
        ),
        "PostsDroppedAlarm": _alarm(
            "pushes were given up at their deadline; their readers get them by sync",
            {**metric, "MetricName": "PostsDropped", "Threshold": _POST_THRESHOLD},
        ),
    }


def _table_alarms() -> Json:
    alarms: Json = {}
    for prefix, table in (("Conversations", "ConversationsTable"), ("Connections", "ConnectionsTable")):
        for kind in ("Read", "Write"):
            alarms[f"{prefix}{kind}ThrottlesAlarm"] = _alarm(
                f"DynamoDB throttled {kind.lower()}s of the {prefix.lower()} table: one conversation is too hot",
                {
                    "Namespace": "AWS/DynamoDB",
                    "Dimensions": _dimensions(TableName=ref(table)),
                    "MetricName": f"{kind}ThrottleEvents",
                    "Statistic": "Sum",
                    "Threshold": 1,
                },
            )
    return alarms


def _alarm(description: str, properties: Json) -> Json:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "EvaluationPeriods": 1,
            # No requests, no data: that is not an alarm.
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
            "Period": _PERIOD,
            **properties,
        },
    }


def _p99(stage: Stage) -> Json:
    """Three periods in a row, and none with too few requests to tell: a lone cold start is no alarm."""
    return {
        "ExtendedStatistic": "p99",
        "Threshold": stage.infra.alarms.latency_p99_ms,
        "EvaluationPeriods": 3,
        "EvaluateLowSampleCountPercentile": "ignore",
    }


def _dimensions(**dimensions: object) -> list[Json]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]
