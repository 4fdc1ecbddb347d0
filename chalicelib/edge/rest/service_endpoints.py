"""The routes by which a service manages the endpoints that receive events."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.endpoint_errors import EndpointConfigured, EndpointLimit, EventsOff
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.protocol import endpoint_requests as requests
from chalicelib.core.publishing.registry import Registry
from chalicelib.edge.http import AuthenticatedRequest, route
from chalicelib.observability import logs

_ALL = "/service/endpoints"
_ONE = f"{_ALL}/{{endpoint_id}}"


def _registry() -> Registry:
    """Return the endpoints. Raises EventsOff."""
    chat = bootstrap.application()
    if not chat.settings.events:
        raise EventsOff
    return chat.publishing.registry


@route(
    "POST",
    _ALL,
    {201: "NewEndpoint"},
    body=requests.CreateEndpoint,
    errors=(EventsOff, EndpointLimit, ConversationBusy),
    callers="services",
)
def create_endpoint(call: AuthenticatedRequest, body: requests.CreateEndpoint) -> Any:
    """Create an endpoint. Its secret is returned only here."""
    created = _registry().create(body)
    logs.log_endpoint("created", created["endpoint_id"])
    return created


@route("GET", _ALL, {200: "Endpoints"}, errors=(EventsOff,), callers="services")
def list_endpoints(call: AuthenticatedRequest) -> Any:
    """List all endpoints, in the order of their creation."""
    return _registry().list()


@route("GET", _ONE, {200: "EndpointState"}, errors=(EventsOff, NotFound), callers="services")
def get_endpoint(call: AuthenticatedRequest, endpoint_id: str) -> Any:
    """Get an endpoint with the first conversations that lag behind."""
    return _registry().state(endpoint_id)


@route(
    "PATCH",
    _ONE,
    {200: "Endpoint"},
    body=requests.UpdateEndpoint,
    errors=(EventsOff, EndpointConfigured, NotFound, ConversationBusy),
    callers="services",
)
def update_endpoint(call: AuthenticatedRequest, endpoint_id: str, body: requests.UpdateEndpoint) -> Any:
    """Change the types, form or description of an endpoint, disable it, or let it continue where it stopped."""
    changed = _registry().update(endpoint_id, body)
    logs.log_endpoint("changed", endpoint_id)
    return changed


@route("DELETE", _ONE, {204: None}, errors=(EventsOff, EndpointConfigured, NotFound), callers="services")
def delete_endpoint(call: AuthenticatedRequest, endpoint_id: str) -> Any:
    """Delete an endpoint, with its positions in all conversations."""
    _registry().delete(endpoint_id)
    logs.log_endpoint("deleted", endpoint_id)


@route(
    "POST",
    f"{_ONE}/secret",
    {201: "NewSecret"},
    body=requests.RotateSecret,
    errors=(EventsOff, EndpointConfigured, NotFound, ConversationBusy),
    callers="services",
)
def rotate_secret(call: AuthenticatedRequest, endpoint_id: str, body: requests.RotateSecret) -> Any:
    """Replace the secret of an endpoint. Earlier ones sign as well for a while."""
    rotated = _registry().rotate(endpoint_id, body)
    logs.log_endpoint("secret rotated", endpoint_id)
    return rotated


@route(
    "POST",
    f"{_ONE}/resume",
    {200: "Resumption"},
    body=requests.ResumeEndpoint,
    errors=(EventsOff, NotFound),
    callers="services",
)
def resume_endpoint(call: AuthenticatedRequest, endpoint_id: str, body: requests.ResumeEndpoint) -> Any:
    """Attempt again at once to publish a parked conversation, or all that lag behind."""
    resumed = _registry().resume(endpoint_id, body)
    logs.log_endpoint("resumed", endpoint_id)
    return resumed


@route("POST", f"{_ONE}/test", {200: "EndpointTest"}, errors=(EventsOff, NotFound), callers="services")
def test_endpoint(call: AuthenticatedRequest, endpoint_id: str) -> Any:
    """Send a signed test event to an endpoint, and return the outcome."""
    tested = _registry().test(endpoint_id)
    logs.log_endpoint("tested", endpoint_id)
    return tested
