"""Delays, visibility timeouts, redrive, retention, and the rejection of everything else by its name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.dynamodb.directory import Directory
from local.dynamodb.sqlite_storage import SqliteStorage
from local.sqs.errors import SqsError
from local.sqs.queues import Queues
from tests.sqs.conftest import URL, Clock

Call = Callable[..., dict[str, Any]]
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def bodies(answer: dict[str, Any]) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def counts(call: Call, queue: str = "jobs") -> list[int]:
    found = call("GetQueueAttributes", queue, AttributeNames=list(COUNTS))["Attributes"]
    return [int(found[name]) for name in COUNTS]


def test_message_is_received_with_its_attributes_and_deleted(call: Call, clock: Clock) -> None:
    sent = call("SendMessage", MessageBody="grüß 👋")
    clock.now += 1
    (message,) = call("ReceiveMessage", AttributeNames=["All"])["Messages"]

    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "grüß 👋")
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["Attributes"] == {
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": "1800000001000",
        "SentTimestamp": "1800000000000",
    }
    call("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
    assert counts(call) == [0, 0, 0]


def test_delayed_message_becomes_visible_when_due(call: Call, clock: Clock) -> None:
    call("SendMessage", MessageBody="later", DelaySeconds=10)
    assert counts(call) == [0, 0, 1]
    clock.now += 9.9
    assert call("ReceiveMessage") == {}
    clock.now += 0.1
    assert bodies(call("ReceiveMessage")) == ["later"]


def test_received_message_is_received_again_after_its_visibility_timeout(call: Call, clock: Clock) -> None:
    call("SendMessage", MessageBody="a")
    first = call("ReceiveMessage")["Messages"][0]["ReceiptHandle"]
    assert counts(call) == [0, 1, 0]
    assert call("ReceiveMessage") == {}
    clock.now += 30
    (second,) = call("ReceiveMessage")["Messages"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"

    call("DeleteMessage", ReceiptHandle=first)  # no-op: another receive has taken the message
    assert counts(call) == [0, 1, 0]
    call("DeleteMessage", ReceiptHandle=second["ReceiptHandle"])
    assert counts(call) == [0, 0, 0]


def test_receive_can_set_the_visibility_timeout_and_the_number_of_messages(call: Call, clock: Clock) -> None:
    for body in "abc":
        call("SendMessage", MessageBody=body)
    assert bodies(call("ReceiveMessage", MaxNumberOfMessages=2, VisibilityTimeout=5)) == ["a", "b"]
    assert bodies(call("ReceiveMessage", MaxNumberOfMessages=2)) == ["c"]
    clock.now += 5
    assert bodies(call("ReceiveMessage", MaxNumberOfMessages=10)) == ["a", "b"]


def test_visibility_of_a_message_in_flight_can_be_changed(call: Call, clock: Clock) -> None:
    call("SendMessage", MessageBody="a")
    handle = call("ReceiveMessage")["Messages"][0]["ReceiptHandle"]
    call("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=0)
    handle = call("ReceiveMessage")["Messages"][0]["ReceiptHandle"]
    call("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=60)
    clock.now += 59
    assert call("ReceiveMessage") == {}
    clock.now += 1
    with pytest.raises(SqsError) as error:
        call("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=60)
    assert error.value.code == "MessageNotInflight"


def test_message_moves_to_the_dead_letter_queue_after_its_receives(call: Call, clock: Clock) -> None:
    call("SendMessage", MessageBody="bad")
    for _ in range(3):
        assert bodies(call("ReceiveMessage")) == ["bad"]
        clock.now += 30
    call("SendMessage", MessageBody="good")
    assert bodies(call("ReceiveMessage")) == ["good"]
    assert counts(call, "dead") == [1, 0, 0]
    (dead,) = call("ReceiveMessage", "dead")["Messages"]
    assert (dead["Body"], dead["Attributes"]["ApproximateReceiveCount"]) == ("bad", "4")


def test_message_is_deleted_after_its_retention(call: Call, clock: Clock) -> None:
    call("SendMessage", MessageBody="old")
    clock.now += 345_600
    assert counts(call) == [0, 0, 0]
    call("SendMessage", MessageBody="new")
    assert bodies(call("ReceiveMessage", MaxNumberOfMessages=10)) == ["new"]


def test_purge_deletes_messages_of_one_queue(call: Call) -> None:
    call("SendMessage", MessageBody="a")
    call("SendMessage", "dead", MessageBody="b")
    call("PurgeQueue")
    assert (counts(call), counts(call, "dead")) == ([0, 0, 0], [1, 0, 0])


def test_waiting_receive_returns_a_message_that_is_sent_meanwhile(call: Call, queues: Queues) -> None:
    received: list[str] = []
    thread = threading.Thread(target=lambda: received.extend(bodies(call("ReceiveMessage", WaitTimeSeconds=20))))
    thread.start()
    call("SendMessage", MessageBody="a")
    thread.join(10)
    assert received == ["a"]


def test_close_ends_a_waiting_receive(call: Call, queues: Queues) -> None:
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(call("ReceiveMessage", WaitTimeSeconds=20)))
    thread.start()
    queues.close()
    thread.join(10)
    assert answers == [{}]


def test_concurrent_receives_never_return_the_same_message(call: Call) -> None:
    for number in range(60):
        call("SendMessage", MessageBody=str(number))
    received: list[str] = []

    def receive() -> None:
        while found := bodies(call("ReceiveMessage", MaxNumberOfMessages=2)):
            received.extend(found)

    threads = [threading.Thread(target=receive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(received, key=int) == [str(number) for number in range(60)]


def test_queue_is_created_once_and_its_attributes_can_be_changed_by_the_launcher(queues: Queues) -> None:
    attributes = {"VisibilityTimeout": "5"}
    url = queues.call("CreateQueue", {"QueueName": "q", "Attributes": attributes})["QueueUrl"]
    assert queues.call("CreateQueue", {"QueueName": "q", "Attributes": attributes})["QueueUrl"] == url
    assert queues.call("GetQueueUrl", {"QueueName": "q"})["QueueUrl"] == url
    with pytest.raises(SqsError) as error:
        queues.call("CreateQueue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "6"}})
    assert error.value.code == "QueueNameExists"

    assert queues.ensure_queue("q", {"VisibilityTimeout": "6"}) == url
    found = queues.call("GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]})
    assert found == {"Attributes": {"VisibilityTimeout": "6"}}


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        ("SendMessageBatch", {}, "UnsupportedOperation", "The operation SendMessageBatch is not supported"),
        (
            "SendMessage",
            {"MessageBody": "a", "MessageAttributes": {"x": {}}},
            "UnsupportedOperation",
            "The parameter MessageAttributes is not supported",
        ),
        ("SendMessage", {}, "MissingRequiredParameterException", "must contain the parameter MessageBody"),
        ("SendMessage", {"MessageBody": 1}, "SerializationException", "MessageBody must be a string"),
        ("SendMessage", {"MessageBody": "\x00"}, "InvalidMessageContents", "Invalid characters"),
        ("SendMessage", {"MessageBody": "\ud800"}, "InvalidMessageContents", "Invalid characters"),
        ("SendMessage", {"MessageBody": "ä" * 600_000}, "InvalidParameterValueException", "must be shorter than"),
        (
            "SendMessage",
            {"MessageBody": "a", "DelaySeconds": 901},
            "InvalidParameterValueException",
            "Value 901 for parameter DelaySeconds is invalid",
        ),
        (
            "SendMessage",
            {"MessageBody": "a", "DelaySeconds": True},
            "SerializationException",
            "must be an integer",
        ),
        ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValueException", "between 1 and 10"),
        ("ReceiveMessage", {"WaitTimeSeconds": 21}, "InvalidParameterValueException", "between 0 and 20"),
        ("ReceiveMessage", {"QueueUrl": "http://x/1/none"}, "QueueDoesNotExist", "does not exist"),
        ("DeleteMessage", {"ReceiptHandle": "x"}, "ReceiptHandleIsInvalid", 'receipt handle "x"'),
        (
            "ChangeMessageVisibility",
            {"ReceiptHandle": f"1.{'0' * 32}"},
            "MissingRequiredParameterException",
            "VisibilityTimeout",
        ),
        ("GetQueueAttributes", {"AttributeNames": ["Colour"]}, "InvalidAttributeName", "Unknown Attribute Colour"),
    ],
)
def test_invalid_request_is_rejected(
    call: Call, operation: str, parameters: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(SqsError) as error:
        call(operation, **parameters)
    assert error.value.code == code
    assert message in error.value.message


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("jobs.fifo", {}, "UnsupportedOperation"),
        ("no spaces", {}, "InvalidParameterValueException"),
        ("q", {"KmsMasterKeyId": "x"}, "UnsupportedOperation"),
        ("q", {"VisibilityTimeout": "-1"}, "InvalidAttributeValue"),
        ("q", {"RedrivePolicy": "{}"}, "InvalidAttributeValue"),
        ("q", {"RedrivePolicy": "x"}, "InvalidAttributeValue"),
        ("q", {"VisibilityTimeout": 1}, "SerializationException"),
    ],
)
def test_invalid_queue_is_rejected(queues: Queues, name: str, attributes: dict[str, Any], code: str) -> None:
    with pytest.raises(SqsError) as error:
        queues.call("CreateQueue", {"QueueName": name, "Attributes": attributes})
    assert error.value.code == code


def test_messages_survive_a_restart_with_their_visibility(tmp_path: Path, clock: Clock) -> None:
    with Directory(tmp_path) as directory:
        queues = Queues(directory.storage, URL, "us-east-1", clock)
        url = queues.ensure_queue("jobs", {})
        for body in ("in flight", "visible"):
            queues.call("SendMessage", {"QueueUrl": url, "MessageBody": body})
        queues.call("ReceiveMessage", {"QueueUrl": url})
    with Directory(tmp_path) as directory:
        queues = Queues(directory.storage, "http://127.0.0.1:2", "us-east-1", clock)
        url = queues.ensure_queue("jobs", {})
        assert bodies(queues.call("ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10})) == ["visible"]
        clock.now += 30
        found = bodies(queues.call("ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}))
        assert sorted(found) == ["in flight", "visible"]


def test_full_disk_fails_with_a_server_error_and_nothing_is_stored(tmp_path: Path, clock: Clock) -> None:
    with Directory(tmp_path) as directory:
        queues = Queues(directory.storage, URL, "us-east-1", clock)
        url = queues.ensure_queue("jobs", {})
        (pages,) = directory.storage.execute("PRAGMA page_count")
        directory.storage.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(SqsError) as error:
            queues.call("SendMessage", {"QueueUrl": url, "MessageBody": "x" * 10_000})
        assert (error.value.code, error.value.status) == ("InternalError", 500)
        directory.storage.execute("PRAGMA max_page_count = 1000000")
        assert queues.call("ReceiveMessage", {"QueueUrl": url}) == {}
        queues.call("SendMessage", {"QueueUrl": url, "MessageBody": "x"})
        assert bodies(queues.call("ReceiveMessage", {"QueueUrl": url})) == ["x"]


@pytest.mark.parametrize("delay", [0, 600])
def test_receive_costs_the_same_with_few_and_with_many_other_messages(clock: Clock, delay: int) -> None:
    storage = SqliteStorage()
    queues = Queues(storage, URL, "us-east-1", clock)
    queues.ensure_queue("dead", {})
    redrive = f'{{"deadLetterTargetArn":"{queues.arn("dead")}","maxReceiveCount":3}}'
    url = queues.ensure_queue("jobs", {"RedrivePolicy": redrive})
    queues.call("SendMessage", {"QueueUrl": url, "MessageBody": "first"})
    clock.now += 1
    costs = []
    for total in (10, 5_000):
        row = (2, "id", "body", clock.now, clock.now + delay)
        storage.execute_many(
            "INSERT INTO messages (queue, id, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)", [row] * total
        )
        steps = 0

        def tick() -> int:
            nonlocal steps
            steps += 1
            return 0

        storage.progress(tick)
        answer = queues.call("ReceiveMessage", {"QueueUrl": url, "VisibilityTimeout": 0})
        storage.progress(None)
        assert bodies(answer) == ["first"]
        costs.append(steps)
    assert costs[1] < 1.5 * costs[0]
