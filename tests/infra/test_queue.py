"""The queue of long work, as the packaged template has it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def test_the_function_gets_its_messages_from_the_stacks_own_queue(resources: Json) -> None:
    events = resources["Worker"]["Properties"]["Events"]
    (source,) = events.values()
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": ["JobQueue", "Arn"]}
    assert source["Properties"]["BatchSize"] == 1
    assert source["Properties"]["ScalingConfig"]["MaximumConcurrency"] >= 2, "less, Lambda refuses"


def test_a_message_stays_invisible_for_six_times_as_long_as_a_step_may_take(resources: Json) -> None:
    timeout = resources["Worker"]["Properties"]["Timeout"]
    assert resources["JobQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_what_fails_five_times_is_put_aside_and_somebody_is_told(resources: Json) -> None:
    dead_letters = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    redrive = resources["JobQueue"]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5}
    alarm = resources["DeadLettersAlarm"]["Properties"]
    name = {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]


def test_both_are_encrypted(resources: Json) -> None:
    for name in ("JobQueue", "DeadLetterQueue"):
        assert resources[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_function_knows_it(template: Json) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_JOB_QUEUE"] == {"Ref": "JobQueue"}
