"""The queue of long work, what becomes of messages that fail, and how they get to the function.

Chalice's decorator takes a name or a fixed ARN (aws/chalice#1882) and knows no queue that the template makes
itself. So it has a name, and after the merge the queue's own address is put in its place: merging would keep both.
"""

from __future__ import annotations

from infra.errors import InfraError
from infra.stage import Stage
from infra.template.names import Json, arn, ref

FUNCTION = "Worker"
MAX_RECEIVE_COUNT = 5
"""After so many failures a message is put aside."""
VISIBILITY_TIMEOUT_FACTOR = 6
"""How many time limits a message stays invisible (Lambda developer guide, "Using Lambda with SQS")."""
MAX_CONCURRENCY = 10
"""Steps at the same time: long work must not take from the people who wait, nor hold up telling who went."""
_RETENTION_SECONDS = 4 * 24 * 3600
_DEAD_LETTER_SECONDS = 14 * 24 * 3600


def fragment(_stage: Stage) -> Json:
    """The two queues, an alarm on the second one, and where all functions find the first."""
    return {
        "Globals": {"Function": {"Environment": {"Variables": {"CHAT_JOB_QUEUE": ref("JobQueue")}}}},
        "Resources": {
            "JobQueue": _queue(
                MessageRetentionPeriod=_RETENTION_SECONDS,
                RedrivePolicy={
                    "deadLetterTargetArn": arn("DeadLetterQueue"),
                    "maxReceiveCount": MAX_RECEIVE_COUNT,
                },
            ),
            "DeadLetterQueue": _queue(MessageRetentionPeriod=_DEAD_LETTER_SECONDS),
            "DeadLettersAlarm": _alarm(),
        },
        "Outputs": {
            "JobQueueUrl": {"Description": "Long work that is to be done", "Value": ref("JobQueue")},
            "DeadLetterQueueUrl": {
                "Description": "Long work that failed for good",
                "Value": ref("DeadLetterQueue"),
            },
        },
    }


def _queue(**properties: object) -> Json:
    """A queue that goes with the stack: what it holds, the sweep finds again."""
    return {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"SqsManagedSseEnabled": True, **properties},
    }


def _alarm() -> Json:
    name = {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": "long work failed for good: docs/operations.md says what to do",
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": name}],
            "Statistic": "Maximum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
        },
    }


def connect_worker(template: Json) -> None:
    """Let the function get its messages from that queue. Raises InfraError if Chalice made another template."""
    function = template["Resources"][FUNCTION]["Properties"]
    sources = [each for each in function["Events"].values() if each["Type"] == "SQS"]
    if len(sources) != 1:
        raise InfraError(f"{FUNCTION} has {len(sources)} sources of messages, not one")
    (source,) = sources
    source["Properties"]["Queue"] = arn("JobQueue")
    source["Properties"]["ScalingConfig"] = {"MaximumConcurrency": MAX_CONCURRENCY}
    visibility_timeout = VISIBILITY_TIMEOUT_FACTOR * function["Timeout"]
    template["Resources"]["JobQueue"]["Properties"]["VisibilityTimeout"] = visibility_timeout
