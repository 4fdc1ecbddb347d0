"""Events that leave the deployment: the stream of the conversations table, and the queue of deliveries.

The stream only wakes the publisher, with the keys of new events. A mapping that loses a batch puts a note of it
into the queue of deliveries, and a walk of all conversations follows: nothing is lost with a record. Chalice
generates both functions for every stage; without the setting they are removed after the merge, so that such a
stage has no stream, no queue and no cost.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.aws.dynamodb.stream import FILTER
from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.publishing.circuits import DISABLED_LINE
from infra.errors import InfraError
from infra.events import EventSettings
from infra.stage import Stage
from infra.template.alarms import NAMESPACE, alarm, dimensions
from infra.template.names import EVENT_FUNCTIONS, FUNCTIONS, Json, arn, ref, sub
from infra.template.queue import MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT_FACTOR, queue

PUBLISH, DELIVER = EVENT_FUNCTIONS
QUEUE, DEAD_LETTERS = "DeliveryQueue", "DeliveryDeadLetterQueue"
STREAM = {"Fn::GetAtt": ["ConversationsTable", "StreamArn"]}
SENDERS = ("api", "sweep")
"""The functions besides these that send deliveries to the queue."""
SENDING = ("api", "deliver")
"""The functions that send requests to endpoints: a service can test one."""
BATCH = 100
ATTEMPTS = 20
"""Attempts with a batch, which is bisected, before a walk takes its place: a record that always fails must not
stop its shard until all of it expires."""
MAX_AGE = 20 * 3600
"""Seconds after which a record is given up for a walk. The stream deletes it after 24 hours."""
BEHIND = 3600
"""Seconds by which the stream may be behind before an alarm."""
EXPIRING = 16 * 3600
"""Seconds by which the stream may be behind before another alarm: four hours are left to repair the mapping. At
`MAX_AGE` none could be raised, as Lambda measures the age only of records that it sends."""
WAITING = 900
"""Seconds for which an attempt that is due may wait before an alarm. The age of a message begins when it is sent,
so it includes the delay of an attempt that is put off, up to `MAX_DELAY`."""
LAGGING, LAG_PERIODS = 3600, 4
"""Seconds by which an endpoint may lag behind before an alarm. It lasts for so many periods: the probes of an
endpoint that fails are up to 15 minutes apart, and nothing is measured between them."""
_OWN_METRICS, _DISABLED = sub("Chat/${AWS::StackName}"), "EndpointsDisabled"
_RETENTION_SECONDS = 4 * 24 * 3600
_DEAD_LETTER_SECONDS = 14 * 24 * 3600


def fragment(stage: Stage) -> Json:
    """Return the queues, the alarms and the variables of a stage with events; otherwise nothing."""
    if stage.infra.events is None:
        return {}
    variables = {"CHAT_EVENTS": "on", "CHAT_DELIVERY_QUEUE": ref(QUEUE)}
    redrive = {"deadLetterTargetArn": arn(DEAD_LETTERS), "maxReceiveCount": MAX_RECEIVE_COUNT}
    return {
        "Globals": {"Function": {"Environment": {"Variables": variables}}},
        "Resources": {
            QUEUE: queue(MessageRetentionPeriod=_RETENTION_SECONDS, RedrivePolicy=redrive),
            DEAD_LETTERS: queue(MessageRetentionPeriod=_DEAD_LETTER_SECONDS),
            # A conversation with many events continues by a message to the same queue (see queue.py).
            DELIVER.logical_id: {"Properties": {"RecursiveLoop": "Allow"}},
            "DisabledEndpoints": _disabled_endpoints(),
            **_alarms(stage),
        },
        "Outputs": {
            "DeliveryQueueUrl": {"Description": "Queue of deliveries to endpoints", "Value": ref(QUEUE)},
        },
    }


def _disabled_endpoints() -> Json:
    """Return the metric of disabled endpoints, from the log: too rare for one of the application's own."""
    transformation = {"MetricNamespace": _OWN_METRICS, "MetricName": _DISABLED, "MetricValue": "1"}
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": ref(DELIVER.log_group),
            "FilterPattern": f'{{ $.message = "{DISABLED_LINE}*" }}',
            "MetricTransformations": [transformation],
        },
    }


def _alarms(stage: Stage) -> Json:
    stream = {
        "Namespace": "AWS/Lambda",
        "Dimensions": dimensions(FunctionName=ref(PUBLISH.logical_id)),
        "MetricName": "IteratorAge",
        "Statistic": "Maximum",
    }
    dead = {"Fn::GetAtt": [DEAD_LETTERS, "QueueName"]}
    return {
        "StreamBehindAlarm": alarm(
            "events wait in the stream for an hour: publish fails, is throttled, or its mapping is slow",
            {**stream, "Threshold": BEHIND * 1000},
        ),
        "StreamExpiringAlarm": alarm(
            "events wait in the stream for 16 hours; those older than 20 are found by a walk instead",
            {**stream, "Threshold": EXPIRING * 1000},
        ),
        "DeliveriesWaitingAlarm": alarm(
            "attempts to publish that are due wait for 15 minutes: deliver fails, or too few run at a time",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": dimensions(QueueName={"Fn::GetAtt": [QUEUE, "QueueName"]}),
                "Statistic": "Maximum",
                "Threshold": int(MAX_DELAY) + WAITING,
            },
        ),
        "PublishingLagAlarm": alarm(
            "an endpoint lags behind by an hour: it fails, or answers too slowly",
            {
                "Namespace": NAMESPACE,
                "MetricName": Metric.PUBLISHING_LAG.value,
                "Dimensions": dimensions(Stage=stage.name),
                "Statistic": "Maximum",
                "Threshold": LAGGING,
                "EvaluationPeriods": LAG_PERIODS,
                "DatapointsToAlarm": 1,
            },
        ),
        "EndpointDisabledAlarm": alarm(
            "an endpoint of events was disabled: it answered 410, or failed for three days",
            {
                "Namespace": _OWN_METRICS,
                "MetricName": _DISABLED,
                "Dimensions": [],
                "Statistic": "Sum",
                "Threshold": 1,
            },
        ),
        "DeliveryDeadLettersAlarm": alarm(
            "attempts to publish failed permanently by an error of this software, not of an endpoint",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": dimensions(QueueName=dead),
                "Statistic": "Maximum",
                "Threshold": 1,
            },
        ),
    }


def connect(template: Json, stage: Stage) -> None:
    """Connect the functions to stream and queue, or remove them. Raises InfraError for an unexpected template."""
    settings = stage.infra.events
    if settings is None:
        for function in EVENT_FUNCTIONS:
            for logical_id in (function.logical_id, function.role):
                template["Resources"].pop(logical_id, None)
        return
    _connect_stream(template)
    _connect_queue(template, settings)
    for sender in (function for function in FUNCTIONS if function.name in SENDERS):
        _grant(template, sender.role, "EnqueueDeliveries", "sqs:SendMessage", arn(QUEUE))
    buses = [endpoint.url for endpoint in stage.endpoints if endpoint.kind == "eventbridge"]
    parameters = [endpoint.secret_parameter for endpoint in stage.endpoints if endpoint.secret_parameter]
    for role in (function.role for function in (*FUNCTIONS, DELIVER) if function.name in SENDING):
        if buses:
            _grant(template, role, "PutEvents", "events:PutEvents", *map(_bus_arn, sorted(set(buses))))
        if parameters:
            _grant(
                template,
                role,
                "ReadEndpointSecrets",
                "ssm:GetParameter",
                *map(_parameter_arn, sorted(set(parameters))),
            )


def _connect_stream(template: Json) -> None:
    source = _source(template, PUBLISH.logical_id, "DynamoDB")
    source.update(
        Stream=STREAM,
        StartingPosition="TRIM_HORIZON",
        BatchSize=BATCH,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=ATTEMPTS,
        MaximumRecordAgeInSeconds=MAX_AGE,
        FilterCriteria={"Filters": [{"Pattern": json.dumps(FILTER, separators=(",", ":"))}]},
        DestinationConfig={"OnFailure": {"Type": "SQS", "Destination": arn(QUEUE)}},
    )


def _connect_queue(template: Json, settings: EventSettings) -> None:
    source = _source(template, DELIVER.logical_id, "SQS")
    source.update(Queue=arn(QUEUE), ScalingConfig={"MaximumConcurrency": settings.concurrency})
    timeout = template["Resources"][DELIVER.logical_id]["Properties"]["Timeout"]
    template["Resources"][QUEUE]["Properties"]["VisibilityTimeout"] = VISIBILITY_TIMEOUT_FACTOR * timeout


def _source(template: Json, logical_id: str, kind: str) -> dict[str, Any]:
    events = template["Resources"][logical_id]["Properties"]["Events"].values()
    found: list[dict[str, Any]] = [event["Properties"] for event in events if event["Type"] == kind]
    if len(found) != 1:
        raise InfraError(f"{logical_id} has {len(found)} event sources of type {kind}; expected one")
    return found[0]


def _grant(template: Json, role: str, sid: str, action: str, *resources: Json) -> None:
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    resource = resources[0] if len(resources) == 1 else list(resources)
    statement = {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resource}
    policy["PolicyDocument"]["Statement"].append(statement)


def _bus_arn(bus: str) -> Json:
    return sub("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/" + bus)


def _parameter_arn(name: str) -> Json:
    return sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + name)
