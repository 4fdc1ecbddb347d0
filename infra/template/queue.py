"""The job queue, its dead-letter queue, and the event source of the worker function.

Chalice's decorator accepts a name or a constant ARN (aws/chalice#1882), but not a queue of the same template. So
the decorator gets a name, and after the merge the queue's ARN replaces it: merging would keep both.
"""

from __future__ import annotations

from infra.errors import InfraError
from infra.stage import Stage
from infra.template.names import Json, arn, ref

FUNCTION = "Worker"
MAX_RECEIVE_COUNT = 5
"""Receives after which a message moves to the dead-letter queue."""
VISIBILITY_TIMEOUT_FACTOR = 6
"""Visibility timeout as a multiple of the function's timeout (Lambda Developer Guide, "Using Lambda with SQS")."""
_RETENTION_SECONDS = 4 * 24 * 3600
_DEAD_LETTER_SECONDS = 14 * 24 * 3600


def fragment(_stage: Stage) -> Json:
    """Return the two queues, an alarm on the dead-letter queue, and the variable with the queue's URL."""
    return {
        "Globals": {"Function": {"Environment": {"Variables": {"CHAT_JOB_QUEUE": ref("JobQueue")}}}},
        "Resources": {
            "JobQueue": queue(
                MessageRetentionPeriod=_RETENTION_SECONDS,
                RedrivePolicy={
                    "deadLetterTargetArn": arn("DeadLetterQueue"),
                    "maxReceiveCount": MAX_RECEIVE_COUNT,
                },
            ),
            "DeadLetterQueue": queue(MessageRetentionPeriod=_DEAD_LETTER_SECONDS),
            "DeadLettersAlarm": _alarm(),
            # Long jobs continue by a message to their own queue, which Lambda would stop after 16 times as a loop
            # (Lambda Developer Guide, "Recursive loop detection").
            FUNCTION: {"Properties": {"RecursiveLoop": "Allow"}},
        },
        "Outputs": {
            "JobQueueUrl": {"Description": "Queue of background jobs", "Value": ref("JobQueue")},
            "DeadLetterQueueUrl": {
                "Description": "Jobs that failed permanently",
                "Value": ref("DeadLetterQueue"),
            },
        },
    }


def queue(**properties: object) -> Json:
    """Return a queue that is deleted with the stack: the sweep recreates lost jobs."""
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
            "AlarmDescription": "[ticket] background jobs failed permanently: see docs/operations.md",
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


def connect_worker(template: Json, stage: Stage) -> None:
    """Set the queue as the worker's event source. Raises InfraError for an unexpected template."""
    function = template["Resources"][FUNCTION]["Properties"]
    sources = [event for event in function["Events"].values() if event["Type"] == "SQS"]
    if len(sources) != 1:
        raise InfraError(f"{FUNCTION} has {len(sources)} SQS event sources; expected one")
    (source,) = sources
    source["Properties"]["Queue"] = arn("JobQueue")
    source["Properties"]["ScalingConfig"] = {"MaximumConcurrency": stage.infra.job_concurrency}
    visibility_timeout = VISIBILITY_TIMEOUT_FACTOR * function["Timeout"]
    template["Resources"]["JobQueue"]["Properties"]["VisibilityTimeout"] = visibility_timeout
