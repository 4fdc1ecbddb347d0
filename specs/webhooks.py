"""The section `webhooks` of the OpenAPI document: the requests that the chat makes to endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from specs import definitions
from specs.schemas import Json
from specs.wire.webhooks import EventsDelivery, TestDelivery

_DELIVERIES: Mapping[str, type] = {"chat.events": EventsDelivery, "chat.test": TestDelivery}
_HEADERS: Mapping[str, tuple[str, str]] = {
    "webhook-id": ("Identifies the delivery, also when it is repeated.", "dlv_2vYH0mC1oJ3t9qPzVb4nXw7kLrSdEaUf"),
    "webhook-timestamp": ("When the attempt was made, in seconds since the epoch.", "1772355600"),
    "webhook-signature": (
        "Signatures by Standard Webhooks, separated by spaces: one, or several during the rotation of the secret.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}


def names() -> list[str]:
    """Return the names of the bodies."""
    return [delivery.__name__ for delivery in _DELIVERIES.values()]


def webhooks(schemas: str) -> Json:
    """Return the section. `schemas` is the path to the schemas."""
    return {name: {"post": _operation(name, body.__name__, schemas)} for name, body in _DELIVERIES.items()}


def _operation(name: str, body: str, schemas: str) -> Json:
    return {
        "operationId": f"receive_{name.replace('.', '_')}",
        "tags": ["endpoints"],
        "summary": str(definitions.definitions()[body]["description"]),
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"type": "string"},
                "example": example,
            }
            for header, (description, example) in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": schemas + body}}}},
        "responses": {
            "2XX": {"description": "Acknowledged: it is not sent again."},
            "410": {"description": "The endpoint is gone: it is disabled."},
            "default": {"description": "Failed: it is repeated, not before `Retry-After`."},
        },
    }
