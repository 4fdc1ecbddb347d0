"""The errors of the routes for endpoints, which only services see; see `errors.py`."""

from __future__ import annotations

from chalicelib.core.kernel.errors import ChatError


class EventsOff(ChatError):
    """The deployment publishes no events: set `CHAT_EVENTS`."""

    code, status = "EVENTS_OFF", 409
    default_message = "This deployment publishes no events: its operator can turn them on by the setting `events`."


class EndpointLimit(ChatError):
    """The deployment has the maximum number of endpoints."""

    code, status = "ENDPOINT_LIMIT", 409
    default_message = "The deployment has the maximum number of endpoints: delete one first."


class EndpointConfigured(ChatError):
    """The endpoint is one of the settings: only `enabled` can be changed."""

    code, status = "ENDPOINT_CONFIGURED", 409
    default_message = "This endpoint belongs to the settings: only `enabled` can be changed here."
