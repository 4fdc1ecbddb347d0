"""The routes of the caller's own data and tickets."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.kernel.errors import ConversationBusy, ErasureRunning, Forbidden, NotFound, RateLimited
from chalicelib.core.protocol import queries, requests
from chalicelib.edge.http import AuthenticatedRequest, route


@route("GET", "/me", {200: "Caller"}, revocation="read")
def get_caller(call: AuthenticatedRequest) -> Any:
    """Get the token's participant and expiry, and the profile: also to find out why a handshake is refused."""
    identity = call.identity
    found: dict[str, Any] = {
        "participant_id": identity.participant_id,
        "type": identity.type,
        "expires_at": rfc3339(1000 * identity.expires_at),
    }
    if identity.name is not None:
        found["name"] = identity.name
    profile = bootstrap.application().conversations.profiles.get(call.caller)
    return found if profile is None else {**found, "profile": profile}


@route(
    "PUT",
    "/me/profile",
    {200: "Profile"},
    body=requests.SetProfile,
    errors=(Forbidden, ErasureRunning, ConversationBusy, RateLimited),
    revocation="read",
)
def set_profile(call: AuthenticatedRequest, body: requests.SetProfile) -> Any:
    """Replace the caller's profile: name and picture in all conversations."""
    return bootstrap.application().conversations.profiles.set(call.caller, body)


@route("GET", "/me/export", {200: "Export"}, query=queries.ExportQuery)
def export_data(call: AuthenticatedRequest, query: queries.ExportQuery) -> Any:
    """Export the caller's data, page by page."""
    return bootstrap.application().privacy.export.page(call.caller, query)


@route("DELETE", "/me", {202: "Erasure"}, errors=(ConversationBusy,), revocation="ignored")
def erase_participant(call: AuthenticatedRequest) -> Any:
    """Erase the caller's data in all conversations. A repeat returns the running erasure."""
    return bootstrap.application().privacy.jobs.erase(call.caller)


@route("GET", "/me/erasure", {200: "Erasure"}, errors=(NotFound,), revocation="ignored")
def get_erasure(call: AuthenticatedRequest) -> Any:
    """Get the progress of the caller's erasure."""
    return bootstrap.application().privacy.erasure.status(call.caller)


@route("POST", "/tickets", {201: "Ticket"}, body=requests.EmptyBody, revocation="read")
def create_ticket(call: AuthenticatedRequest) -> Any:
    """Create a ticket to open a WebSocket connection."""
    return bootstrap.application().realtime.tickets.issue(call.identity)
