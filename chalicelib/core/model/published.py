"""Published events as receivers see them: the content of a delivery."""

from __future__ import annotations

from typing import Any

from chalicelib.core.model.events import Event
from chalicelib.core.model.publishing import Delivery

EVENTS = "chat.events"
"""The type of a delivery of events."""
TEST = "chat.test"
"""The type of a delivery that a service has requested to test an endpoint, and of its only event."""
_THIN_FIELDS = (
    "conversation_id", "sequence_id", "type", "created_at", "message_id", "target", "history_id", "head",
    "participant_id", "erasure_id", "version",
)  # fmt: skip
"""The fields of thin events: ids, numbers and times."""


def thin(event: Event) -> Event:
    """Return an event without contents, names and texts. Of its sender, only the id is left."""
    shown = {name: event[name] for name in _THIN_FIELDS if name in event}
    if "sender" in event:
        shown["sender"] = {"participant_id": event["sender"].get("participant_id")}
    return shown


def content_of(delivery: Delivery) -> dict[str, Any]:
    """Return the content of a delivery, which is the same for each attempt.

    Its `timestamp` is that of the newest event, as Standard Webhooks defines it.
    """
    newest = delivery.events[-1]
    if newest["type"] == TEST:
        test = {"delivery_id": delivery.delivery_id, "endpoint_id": delivery.endpoint.endpoint_id}
        return {"type": TEST, "timestamp": newest["created_at"], "data": test}
    is_thin = delivery.endpoint.is_thin
    data = {
        "delivery_id": delivery.delivery_id,
        "history_id": delivery.history_id,
        "conversation_id": delivery.conversation_id,
        "previous_sequence_id": delivery.previous_sequence_id,
        "events": [thin(event) if is_thin else event for event in delivery.events],
    }
    if delivery.notify:
        data["notify"] = [
            {"sequence_id": found.sequence_id, "members": [member._asdict() for member in found.members]}
            for found in delivery.notify
        ]
    return {"type": EVENTS, "timestamp": newest["created_at"], "data": data}
