"""Deliveries go to the sink of the endpoint's kind, and have the content that receivers expect."""

from __future__ import annotations

from chalicelib.core.model.published import content_of
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Outcome
from chalicelib.webhooks.dispatch import KindSink
from tests.unit.webhooks.hostile import delivery


class Named:
    """A sink that answers with its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        return DeliveryResult(Outcome.FAILED, self.name)


def test_delivery_goes_to_the_sink_of_its_kind() -> None:
    built: list[Named] = []

    def build() -> Named:
        built.append(Named("bus"))
        return built[-1]

    sink = KindSink(Named("webhooks"), build)
    hook = delivery("https://hooks.example.com/")
    assert sink.deliver(hook).reason == "webhooks"
    assert built == []
    bus = hook._replace(endpoint=hook.endpoint._replace(kind="eventbridge"))
    assert [sink.deliver(bus).reason for _ in range(2)] == ["bus", "bus"]
    assert len(built) == 1


def test_content_has_the_events_as_in_the_log() -> None:
    sent = delivery("https://hooks.example.com/")
    assert content_of(sent) == {
        "type": "chat.events",
        "timestamp": "2026-03-01T09:00:05.000Z",
        "data": {
            "delivery_id": "dlv_x",
            "history_id": "0.table",
            "conversation_id": "conv_1",
            "previous_sequence_id": 2,
            "events": sent.events,
        },
    }


def test_thin_content_has_ids_and_types_only() -> None:
    events = content_of(delivery("https://hooks.example.com/", is_thin=True))["data"]["events"]
    assert events[0] == {
        "conversation_id": "conv_1",
        "sequence_id": 4,
        "type": "message",
        "created_at": "2026-03-01T09:00:04.000Z",
        "message_id": "msg_4",
        "sender": {"participant_id": "alice"},
    }
