"""One dashboard: usage, health and cost.

It has at most `MAX_METRICS` metrics, CloudWatch's free limit. Metrics with an alarm may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from infra.stage import Stage
from infra.template.alarms import NAMESPACE
from infra.template.http_api import api_name
from infra.template.names import FUNCTIONS, Json, sub

MAX_METRICS = 50
_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3
_LAMBDA, _GATEWAY, _DYNAMO = "AWS/Lambda", "AWS/ApiGateway", "AWS/DynamoDB"
_LATENCIES = ("AckLatency", "FanOutLatency")
Metric = list[str]


def fragment(stage: Stage) -> Json:
    """Return the dashboard. Its body is a JSON string in which CloudFormation replaces references."""
    body = {"widgets": [_positioned(index, widget) for index, widget in enumerate(_widgets(stage))]}
    return {
        "Resources": {
            "Dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {
                    # Names of dashboards are global to the account.
                    "DashboardName": sub("${AWS::StackName}-${AWS::Region}"),
                    "DashboardBody": sub(json.dumps(body)),
                },
            }
        }
    }


def _widgets(stage: Stage) -> list[Json]:
    sockets = ["ApiId", "${WebsocketAPI}", "Stage", stage.api_stage]
    http = ["ApiName", api_name(stage), "Stage", stage.api_stage]
    dimensions = ["Stage", stage.name]
    return [
        _graph(
            "Messages: accepted, duplicate, queued, rejected",
            "Sum",
            _app_metrics(
                dimensions,
                "MessagesAccepted",
                "MessagesDuplicate",
                "MessagesQueued",
                "MessagesBusy",
                "MessagesRateLimited",
                "AppendConflicts",
            ),
        ),
        _graph(
            "From a message to its ack, and to all recipients: p99 in ms",
            "p99",
            _app_metrics(dimensions, *_LATENCIES),
        ),
        _graph("Connections per fan-out: maximum", "Maximum", _app_metrics(dimensions, "FanOutSize")),
        _graph(
            "WebSocket: connects, frames in and out",
            "Sum",
            _metrics(_GATEWAY, ("ConnectCount", "MessageCount"), sockets),
        ),
        _graph("HTTP: requests, 4xx, 5xx", "Sum", _metrics(_GATEWAY, ("Count", "4XXError", "5XXError"), http)),
        _graph(
            "Posts to connections: delivered, stale, retried, throttled, abandoned",
            "Sum",
            _app_metrics(
                dimensions, "PostsDelivered", "PostsGone", "PostsRetried", "PostsThrottled", "PostsDropped"
            ),
        ),
        _graph("Functions: p99 in ms", "p99", _function_metrics("Duration")),
        *_latency_and_lag(stage, http),
        _graph(
            "Functions: errors and throttles",
            "Sum",
            [*_function_metrics("Errors"), *_function_metrics("Throttles")],
        ),
        _graph("Functions: concurrent executions", "Maximum", _function_metrics("ConcurrentExecutions")),
        _graph("Cold starts", "Sum", _app_metrics(dimensions, "ColdStarts")),
        _graph(
            "DynamoDB: capacity units",
            "Sum",
            [
                metric
                for table in ("ConversationsTable", "ConnectionsTable")
                for metric in _metrics(
                    _DYNAMO,
                    ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"),
                    ["TableName", f"${{{table}}}"],
                )
            ],
        ),
    ]


def _latency_and_lag(stage: Stage, http: Metric) -> list[Json]:
    """Return the latency of HTTP; with events, that of its integration has to make room for their lag."""
    title = "HTTP: p99 in ms"
    if stage.infra.events is None:
        return [_graph(title, "p99", _metrics(_GATEWAY, ("Latency", "IntegrationLatency"), http))]
    lag = _app_metrics(["Stage", stage.name], "PublishingLag")
    return [
        _graph(title, "p99", _metrics(_GATEWAY, ("Latency",), http)),
        _graph("Events: lag of endpoints in s, maximum", "Maximum", lag),
    ]


def _function_metrics(metric: str) -> list[Metric]:
    logical_ids = (function.logical_id for function in FUNCTIONS if function.on_dashboard)
    return [[_LAMBDA, metric, "FunctionName", f"${{{logical_id}}}"] for logical_id in logical_ids]


def _app_metrics(dimensions: Metric, *metrics: str) -> list[Metric]:
    return _metrics(NAMESPACE, metrics, dimensions)


def _metrics(namespace: str, metrics: Sequence[str], dimensions: Metric) -> list[Metric]:
    return [[namespace, metric, *dimensions] for metric in metrics]


def _graph(title: str, statistic: str, metrics: list[Metric]) -> Json:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stat": statistic,
            "period": 60,
            "metrics": metrics,
        },
    }


def _positioned(index: int, widget: Json) -> Json:
    row, column = divmod(index, _COLUMNS)
    return {**widget, "x": column * _WIDTH, "y": row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
