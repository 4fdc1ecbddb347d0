"""Published events on an event bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from chalicelib.aws import clients
from chalicelib.aws.eventbridge import MAX_BYTES, EventBridgeSink
from chalicelib.awshttp import NoResponse, ServiceError
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Endpoint, Outcome
from tests.support.fakes import FakeClock
from tests.support.raw_peer import Say, raw_peer

BUS = Endpoint("ep_1", "eventbridge", "product-bus", 0)


class FakeEvents:
    """PutEvents with the answers of a list, or success."""

    def __init__(self, *answers: Mapping[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[list[Any]] = []

    def call(self, operation: str, arguments: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        assert operation == "PutEvents"
        self.calls.append(arguments["Entries"])
        answer = self.answers.pop(0) if self.answers else {"FailedEntryCount": 0}
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


def events(count: int, content: str = "hi") -> list[dict[str, Any]]:
    return [
        {
            "conversation_id": "conv_1",
            "sequence_id": number,
            "type": "message",
            "created_at": "2026-03-01T09:00:00.000Z",
            "sender": {"participant_id": "alice", "name": "Alice", "type": "human"},
            "content": content,
        }
        for number in range(1, count + 1)
    ]


def delivery(found: list[dict[str, Any]], endpoint: Endpoint = BUS) -> Delivery:
    return Delivery("dlv_x", endpoint, "conv_1", "0.table", 0, found, 1)


def test_each_event_is_an_entry_and_a_call_has_ten() -> None:
    service = FakeEvents()
    sent = events(25)
    assert EventBridgeSink(lambda: service, "prod").deliver(delivery(sent)).outcome is Outcome.ACKNOWLEDGED
    assert [len(entries) for entries in service.calls] == [10, 10, 5]
    entries = [entry for call in service.calls for entry in call]
    assert [json.loads(entry["Detail"])["event"] for entry in entries] == sent
    first = entries[0]
    assert (first["Source"], first["DetailType"], first["EventBusName"]) == ("chat.prod", "message", "product-bus")
    assert json.loads(first["Detail"])["delivery_id"] == "dlv_x"


def test_call_has_at_most_256_kilobytes() -> None:
    service = FakeEvents()
    EventBridgeSink(lambda: service, "prod").deliver(delivery(events(7, "語" * 33_000)))
    assert [len(entries) for entries in service.calls] == [2, 2, 2, 1]
    for entries in service.calls:
        assert sum(len(value.encode()) for entry in entries for value in entry.values()) <= MAX_BYTES


def test_calls_of_a_delivery_share_the_time_that_its_lease_outlasts() -> None:
    class SlowEvents(FakeEvents):
        def call(self, operation: str, arguments: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
            timeouts.append(timeout)
            clock.advance(10)
            return super().call(operation, arguments, timeout=timeout)

    timeouts: list[float] = []
    clock, service = FakeClock(), SlowEvents()
    result = EventBridgeSink(lambda: service, "prod", clock).deliver(delivery(events(40)))
    assert result == DeliveryResult(Outcome.FAILED, "EventBridge did not answer in time")
    assert timeouts == [15.0, 5.0]


def test_event_that_is_too_large_is_sent_thin() -> None:
    service = FakeEvents()
    EventBridgeSink(lambda: service, "prod").deliver(delivery(events(1, "x" * MAX_BYTES)))
    detail = json.loads(service.calls[0][0]["Detail"])
    assert detail["thin"] is True
    assert "content" not in detail["event"]
    assert detail["event"]["sequence_id"] == 1


def test_thin_endpoint_receives_no_contents_and_no_names() -> None:
    service = FakeEvents()
    EventBridgeSink(lambda: service, "prod").deliver(delivery(events(1), BUS._replace(is_thin=True)))
    event = json.loads(service.calls[0][0]["Detail"])["event"]
    assert event["sender"] == {"participant_id": "alice"}
    assert "content" not in event


def test_request_has_the_form_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    answer = b'{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}'
    with raw_peer() as peer:
        peer.script.append(Say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)))
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTS", peer.url)
        sink = clients.event_bus("prod", "eu-west-1", SystemClock())
        assert sink.deliver(delivery(events(1))).outcome is Outcome.ACKNOWLEDGED
        ((_, head, body),) = peer.requests
    assert b"X-Amz-Target: AWSEvents.PutEvents\r\n" in head
    assert b"Content-Type: application/x-amz-json-1.1\r\n" in head
    assert b"/eu-west-1/events/aws4_request" in head
    shape = botocore.session.get_session().get_service_model("events").operation_model("PutEvents").input_shape
    assert shape is not None
    assert not ParamValidator().validate(json.loads(body), shape).has_errors()


DENIED = ServiceError({"Error": {"Code": "AccessDeniedException", "Message": "arn:secret"}}, "PutEvents")
PARTIAL = {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException"}]}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PARTIAL, "entries were refused (ThrottlingException)"),
        (DENIED, "AccessDeniedException"),
        (NoResponse("none"), "EventBridge did not answer in time"),
    ],
)
def test_failure_stops_the_delivery_which_is_repeated(answer: Any, reason: str) -> None:
    service = FakeEvents(answer)
    sink = EventBridgeSink(lambda: service, "prod")
    assert sink.deliver(delivery(events(25))) == DeliveryResult(Outcome.FAILED, reason)
    assert len(service.calls) == 1
    assert sink.deliver(delivery(events(25))).outcome is Outcome.ACKNOWLEDGED
