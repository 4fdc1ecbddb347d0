"""The job queue in the packaged template."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def test_worker_consumes_the_queue_of_the_stack(resources: Json) -> None:
    events = resources["Worker"]["Properties"]["Events"]
    (source,) = events.values()
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": ["JobQueue", "Arn"]}
    assert source["Properties"]["BatchSize"] == 1
    assert source["Properties"]["ScalingConfig"]["MaximumConcurrency"] >= 2, "less, Lambda refuses"


def test_visibility_timeout_is_six_times_the_function_timeout(resources: Json) -> None:
    timeout = resources["Worker"]["Properties"]["Timeout"]
    assert resources["JobQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_message_that_fails_five_times_is_dead_lettered_with_an_alarm(resources: Json) -> None:
    dead_letters = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    redrive = resources["JobQueue"]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5}
    alarm = resources["DeadLettersAlarm"]["Properties"]
    name = {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]


def test_dead_letters_are_kept_longer_than_jobs(resources: Json) -> None:
    # A dead letter keeps the time at which it was first sent, and expires by it (SQS Developer Guide, "Using
    # dead-letter queues").
    seconds = {
        name: resources[name]["Properties"]["MessageRetentionPeriod"] for name in ("JobQueue", "DeadLetterQueue")
    }
    assert seconds == {"JobQueue": 4 * 86_400, "DeadLetterQueue": 14 * 86_400}


def test_queues_are_encrypted(resources: Json) -> None:
    for name in ("JobQueue", "DeadLetterQueue"):
        assert resources[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_function_has_the_queue_url(template: Json) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_JOB_QUEUE"] == {"Ref": "JobQueue"}
