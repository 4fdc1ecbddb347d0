"""Published events on an event bus, by the JSON protocol of EventBridge (API reference, "PutEvents").

An event is an entry. EventBridge promises neither order nor that an entry arrives once: receivers order by
`sequence_id`. A delivery of which an entry was refused is repeated as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from chalicelib.aws.sqs import JsonService
from chalicelib.awshttp import NoResponse, ServiceError
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.events import Event
from chalicelib.core.model.published import thin
from chalicelib.core.model.publishing import ATTEMPT_TIMEOUT, Delivery, DeliveryResult, Outcome

TARGET = "AWSEvents"
JSON_VERSION = "1.1"
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
"""The entries, and the bytes of all of them, that one call can have."""


class EventBridgeSink:
    """The `EventSink` of event buses."""

    def __init__(self, create_service: Callable[[], JsonService], stage: str, clock: Clock | None = None) -> None:
        """`create_service` is called at the first delivery. Entries have the source `chat.<stage>`."""
        self._create_service = create_service
        self._source = f"chat.{stage}"
        self._clock = clock or SystemClock()

    @cached_property
    def _service(self) -> JsonService:
        return self._create_service()

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        """Put each event of a delivery on the bus. Never raises for anything that EventBridge does."""
        # A delivery can take several calls with their retries.
        until = self._clock.monotonic() + ATTEMPT_TIMEOUT
        try:
            for entries in self._calls(delivery):
                left = until - self._clock.monotonic()
                if left <= 0:
                    raise Unavailable
                answer = self._service.call("PutEvents", {"Entries": entries}, timeout=left)
                if answer.get("FailedEntryCount"):
                    codes = {entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry}
                    return DeliveryResult(Outcome.FAILED, f"entries were refused ({', '.join(sorted(codes))})")
        except ServiceError as error:
            return DeliveryResult(Outcome.FAILED, error.response["Error"]["Code"])
        except (NoResponse, Unavailable):
            return DeliveryResult(Outcome.FAILED, "EventBridge did not answer in time")
        return DeliveryResult(Outcome.ACKNOWLEDGED)

    def _calls(self, delivery: Delivery) -> Iterator[list[Mapping[str, Any]]]:
        """Yield the entries of each call, in the order of the events."""
        entries: list[Mapping[str, Any]] = []
        used = 0
        for event in delivery.events:
            entry = self._entry(delivery, event)
            size = _size(entry)
            if entries and (len(entries) == MAX_ENTRIES or used + size > MAX_BYTES):
                yield entries
                entries, used = [], 0
            entries.append(entry)
            used += size
        if entries:
            yield entries

    def _entry(self, delivery: Delivery, event: Event) -> Mapping[str, Any]:
        """Return the entry of an event, without contents if it is too large with them."""
        entry = self._entry_of(delivery, event, is_thin=delivery.endpoint.is_thin)
        return entry if _size(entry) <= MAX_BYTES else self._entry_of(delivery, event, is_thin=True)

    def _entry_of(self, delivery: Delivery, event: Event, *, is_thin: bool) -> Mapping[str, Any]:
        detail = {
            "delivery_id": delivery.delivery_id,
            "history_id": delivery.history_id,
            "conversation_id": delivery.conversation_id,
            "thin": is_thin,
            "event": thin(event) if is_thin else event,
        }
        return {
            "Source": self._source,
            "DetailType": event["type"],
            "Detail": json_codec.dumps(detail),
            "EventBusName": delivery.endpoint.url,
        }


def _size(entry: Mapping[str, Any]) -> int:
    """Return the size of an entry, as EventBridge counts it; the name of the bus adds to it."""
    return sum(len(value.encode()) for value in entry.values())
