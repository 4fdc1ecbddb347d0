"""Events that leave the deployment, in the packaged template, and their absence."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.aws.dynamodb.publishing_keys import WAKING_PREFIX
from chalicelib.core.kernel.limits import MAX_DELAY, Limits
from chalicelib.core.publishing import schedule
from chalicelib.core.publishing.circuits import DISABLED_LINE
from infra.events import EventSettings
from infra.template.events import SENDERS, SENDING
from infra.template.names import EVENT_FUNCTIONS, FUNCTIONS
from tests.infra.test_policies import statements

Json = dict[str, Any]
QUEUE = {"Fn::GetAtt": ["DeliveryQueue", "Arn"]}
STREAM = {"Fn::GetAtt": ["ConversationsTable", "StreamArn"]}
HOUR = 3600


def source(template: Json, name: str) -> Json:
    (event,) = template["Resources"][name]["Properties"]["Events"].values()
    found: Json = event["Properties"]
    return found


def test_stage_without_events_has_nothing_of_them(dev: Json, prod: Json) -> None:
    for template in (dev, prod):
        assert "StreamSpecification" not in template["Resources"]["ConversationsTable"]["Properties"]
        text = json.dumps(template)
        for word in ("Publish", "Deliver", "StreamArn", "CHAT_EVENTS", "CHAT_DELIVERY_QUEUE", "IteratorAge"):
            assert f'"{word}' not in text, word


def test_stream_has_only_keys(every: Json) -> None:
    tables = {name: every["Resources"][name]["Properties"] for name in ("ConversationsTable", "ConnectionsTable")}
    assert tables["ConversationsTable"]["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}
    assert "StreamSpecification" not in tables["ConnectionsTable"]


def test_mapping_loses_no_record_silently(every: Json) -> None:
    mapping = source(every, "Publish")
    assert mapping["Stream"] == STREAM
    assert mapping["StartingPosition"] == "TRIM_HORIZON", "LATEST would miss what comes before the first poll"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 1 <= mapping["MaximumRetryAttempts"] <= 100, "unlimited: a record that always fails stops its shard"
    # Given up before the stream deletes it after 24 hours: only then a note of it is sent.
    assert mapping["MaximumRecordAgeInSeconds"] == 20 * HOUR
    assert mapping["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": QUEUE}


def test_mapping_is_the_one_that_cloudformation_creates(every: Json, cloudformation: Json) -> None:
    if "Publish" not in cloudformation["Resources"]:
        return
    mappings = [
        item["Properties"]
        for item in cloudformation["Resources"].values()
        if item["Type"] == "AWS::Lambda::EventSourceMapping" and item["Properties"]["EventSourceArn"] == STREAM
    ]
    (mapping,) = mappings
    given = source(every, "Publish")
    for name in ("BisectBatchOnFunctionError", "FilterCriteria", "MaximumRecordAgeInSeconds", "StartingPosition"):
        assert mapping[name] == given[name]
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": QUEUE}}


def test_function_is_invoked_only_for_new_events(every: Json) -> None:
    (one,) = source(every, "Publish")["FilterCriteria"]["Filters"]
    assert json.loads(one["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {
            "Keys": {"pk": {"S": [{"prefix": "C#"}, {"prefix": WAKING_PREFIX}]}, "sk": {"S": [{"prefix": "E#"}]}}
        },
    }


def test_deliveries_have_a_queue_with_dead_letters_and_bounded_concurrency(every: Json) -> None:
    mapping, queue = source(every, "Deliver"), every["Resources"]["DeliveryQueue"]["Properties"]
    assert (mapping["Queue"], mapping["BatchSize"]) == (QUEUE, 1)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 40}
    assert queue["VisibilityTimeout"] >= 6 * every["Resources"]["Deliver"]["Properties"]["Timeout"]
    dead = {"Fn::GetAtt": ["DeliveryDeadLetterQueue", "Arn"]}
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": dead, "maxReceiveCount": 5}
    for name in ("DeliveryQueue", "DeliveryDeadLetterQueue"):
        assert every["Resources"][name]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_function_has_the_queue_of_deliveries(every: Json) -> None:
    variables = every["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_EVENTS"] == "on"
    assert variables["CHAT_DELIVERY_QUEUE"] == {"Ref": "DeliveryQueue"}


def test_only_some_functions_send_deliveries(every: Json) -> None:
    senders = {
        function.name
        for function in (*FUNCTIONS, *EVENT_FUNCTIONS)
        for statement in statements(every["Resources"], function.role)
        if "sqs:SendMessage" in statement["Action"] and statement["Resource"] == QUEUE
    }
    assert senders == {*SENDERS, "publish", "deliver"}


def test_only_senders_of_requests_may_use_the_named_buses_and_secrets(every: Json) -> None:
    granted = {
        (function.name, action): statement["Resource"]
        for function in (*FUNCTIONS, *EVENT_FUNCTIONS)
        for statement in statements(every["Resources"], function.role)
        for action in statement["Action"]
        if action == "events:PutEvents" or (action == "ssm:GetParameter" and not function.verifies_tokens)
    }
    account = "${AWS::Region}:${AWS::AccountId}"
    buses = [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{account}:event-bus/{name}"}
        for name in ("chat-audit", "chat-events")
    ]
    secret = {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{account}:parameter/chat/every/webhook-secret"}
    assert granted == {
        (name, action): resource
        for name in SENDING
        for action, resource in (("events:PutEvents", buses), ("ssm:GetParameter", secret))
    }


def test_disabled_endpoint_raises_an_alarm_by_its_log_line(every: Json) -> None:
    resources = every["Resources"]
    metric, alarm = resources["DisabledEndpoints"]["Properties"], resources["EndpointDisabledAlarm"]["Properties"]
    (transformation,) = metric["MetricTransformations"]
    assert metric["LogGroupName"] == {"Ref": "DeliverLogGroup"}
    assert metric["FilterPattern"] == f'{{ $.message = "{DISABLED_LINE}*" }}'
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )


def test_stream_that_falls_behind_raises_alarms_before_it_loses_records(every: Json) -> None:
    alarms = {
        name: item["Properties"]
        for name, item in every["Resources"].items()
        if item["Type"] == "AWS::CloudWatch::Alarm" and item["Properties"]["MetricName"] == "IteratorAge"
    }
    assert {name: alarm["Threshold"] for name, alarm in alarms.items()} == {
        "StreamBehindAlarm": HOUR * 1000,
        "StreamExpiringAlarm": 16 * HOUR * 1000,
    }
    # Lambda measures the age of records that it sends, and sends none that is older.
    given_up = source(every, "Publish")["MaximumRecordAgeInSeconds"]
    assert all(alarm["Threshold"] < given_up * 1000 for alarm in alarms.values())
    for alarm in alarms.values():
        assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Publish"}}]
        assert (alarm["Namespace"], alarm["Statistic"]) == ("AWS/Lambda", "Maximum")


def test_attempt_that_was_put_off_raises_no_alarm_when_it_is_due(every: Json) -> None:
    """The age of a message counts from when it was sent, before its delay."""
    alarm = every["Resources"]["DeliveriesWaitingAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("ApproximateAgeOfOldestMessage", "Maximum")
    assert alarm["Threshold"] == MAX_DELAY + 15 * 60


def test_slow_endpoint_cannot_occupy_all_workers_of_a_stage_with_default_settings() -> None:
    assert Limits().service_deliveries < EventSettings().concurrency


def test_endpoint_that_lags_behind_raises_an_alarm_that_lasts_until_its_next_probe(every: Json) -> None:
    alarm = every["Resources"]["PublishingLagAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("Chat", "PublishingLag", "Maximum")
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"]) == (HOUR, 1)
    assert alarm["EvaluationPeriods"] * alarm["Period"] > schedule.PROBE_CAP
