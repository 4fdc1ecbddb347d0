"""The way out of a deployment: each delivery goes to the sink of its endpoint's kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from chalicelib.core.model.publishing import Delivery, DeliveryResult
from chalicelib.core.ports.publishing import EventSink


class KindSink:
    """The `EventSink` of all endpoints."""

    def __init__(self, webhooks: EventSink, build_event_bus: Callable[[], EventSink]) -> None:
        """`build_event_bus` is called at the first delivery to an event bus."""
        self._webhooks = webhooks
        self._build_event_bus = build_event_bus

    @cached_property
    def _event_bus(self) -> EventSink:
        return self._build_event_bus()

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        """Make one attempt. Never raises for anything that the endpoint or the network does."""
        sink = self._webhooks if delivery.endpoint.kind == "webhook" else self._event_bus
        return sink.deliver(delivery)
