"""The caller of an HTTP request: a participant, a service, or a service that acts for a participant.

The identity comes only from the authorizer (L7), whose result is cached by the token and depends on no other
header. The headers that name a participant are read here, and only for a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from chalice.app import Request

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import REVOKED, Forbidden, Unauthorized
from chalicelib.core.model.actors import ParticipantType, Principal, Service
from chalicelib.edge.participant_headers import PARTICIPANT, read_participant, refuse_participant
from chalicelib.identity.model import Identity
from chalicelib.settings import current_settings

Revocation = Literal["cached", "read", "ignored"]
"""Whether a route finds revocations in the authorizer's result, which may be cached, reads them, or ignores them.

Routes that store something new about the caller read them, so that nothing is stored after an erasure. For a
participant for whom a service acts they are always read, as the authorizer's result is about the service.
"""
Callers = Literal["participants", "services"]
"""Whether a route is for participants, and services that act for one, or for services alone."""


def identify(request: Request, callers: Callers, revocation: Revocation) -> Identity:
    """Return the identity of the caller; without a participant id, it is that of a service itself.

    Raises:
        Unauthorized: there is no verified identity, or it has expired or is revoked.
        Suspended: the participant is suspended.
        ValidationFailed: a header that names a participant is malformed, or the caller may not send it.
        Forbidden: the route is for other callers.
    """
    context = request.context.get("authorizer") or {}
    headers = request.to_original_event().get("multiValueHeaders")
    identity = _verified(context)
    if identity.service is not None:
        return _identify_service(identity, headers, callers, revocation)
    refuse_participant(headers)
    if callers == "services":
        raise Forbidden("This route is for services only.")
    if revocation == "ignored":
        return identity
    if context.get("revoked"):
        raise Unauthorized(REVOKED)
    # A cached suspension may have been lifted since.
    return _under_rules(identity) if revocation == "read" or context.get("suspended") else identity


def principal_of(identity: Identity) -> Principal:
    """Return the participant who makes a request, or for whom a service makes it."""
    if not identity.participant_id:
        raise TypeError("the caller is a service: a route for services has no participant")
    return Principal(identity.participant_id, identity.name, identity.type, identity.service)


def service_of(identity: Identity) -> Service:
    """Return the service that makes a request for no participant."""
    if identity.service is None or identity.participant_id:
        raise TypeError("the caller is a participant: a route for participants has no service")
    return Service(identity.service)


def _verified(context: Mapping[str, Any]) -> Identity:
    """Return the identity from the authorizer. It may be cached, so the expiry is checked again."""
    participant_id, service = context.get("participant_id"), context.get("service")
    expires_at = context.get("expires_at")
    if bool(participant_id) == bool(service) or expires_at is None:
        raise Unauthorized
    expiry, issued_at = int(float(expires_at)), int(float(context.get("issued_at") or 0))
    if bootstrap.application().runtime.has_expired(expiry):
        raise Unauthorized("The token has expired.")
    if service:
        # So is the list of clients: a client that was removed from it is refused at once.
        if service not in current_settings().identity.service_clients:
            raise Unauthorized("The client of this token is not a service.")
        return Identity("", None, expiry, issued_at, service=service)
    kind: ParticipantType = "agent" if context.get("type") == "agent" else "human"
    return Identity(participant_id or "", context.get("name"), expiry, issued_at, kind)


def _identify_service(
    identity: Identity, headers: Mapping[str, list[str]] | None, callers: Callers, revocation: Revocation
) -> Identity:
    """Return the identity of a service, or that of the participant for whom it acts."""
    participant = read_participant(headers)
    if participant is None:
        if callers == "participants":
            raise Forbidden(f"A service must name the participant for whom it acts, in the header {PARTICIPANT}.")
        return identity
    if callers == "services":
        raise Forbidden(f"This route is for services only: send the request without the header {PARTICIPANT}.")
    acting = identity._replace(participant_id=participant.participant_id, name=participant.name)
    if revocation == "ignored":
        return acting
    return _under_rules(acting, "This token was issued before the participant was erased: request a new one.")


def _under_rules(identity: Identity, refusal: str = REVOKED) -> Identity:
    """Return the identity under the present rules about its participant. Raises Suspended, Unauthorized."""
    return identity.under(bootstrap.application().stores.revocations.rules(identity.participant_id), refusal)
