"""The variables of the functions from the configuration of a stage, and their validation."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.core.model.publishing import Endpoint
from chalicelib.core.publishing.configured import parse_endpoints
from chalicelib.settings import SettingsError, reject_misspelt
from infra.errors import InfraError
from infra.events import is_event_bus

SECRET_PARAMETER = "CHAT_JWT_SECRET_PARAMETER"  # noqa: S105 — the name of a setting
ISSUERS = ("CHAT_", "CHAT_SECOND_")
"""Prefixes of the variables of the issuers whose tokens a stage accepts."""
# Variables that the template sets; a value in the configuration would be overwritten or break the stage.
TEMPLATE_VARIABLES = (
    "CHAT_CONVERSATIONS_TABLE",
    "CHAT_CONNECTIONS_TABLE",
    "CHAT_MANAGEMENT_ENDPOINT",
    "CHAT_ALLOWED_ORIGINS",
    "CHAT_HISTORY_ID",
    "CHAT_FENCED",
    "CHAT_STAGE",
    "CHAT_VERSION",
    "CHAT_EVENTS",
    "CHAT_DELIVERY_QUEUE",
)
ENDPOINTS, LOCAL = "CHAT_ENDPOINTS", "CHAT_WEBHOOKS_LOCAL"


def configured_endpoints(environment: Mapping[str, str]) -> list[Endpoint]:
    """Return the endpoints of published events that the variables define. Raises ValueError."""
    found = parse_endpoints(environment.get(ENDPOINTS, ""))
    for endpoint in found:
        if endpoint.kind == "eventbridge" and not is_event_bus(endpoint.url):
            raise ValueError(
                f"{ENDPOINTS}: {endpoint.url!r} is not the name of an event bus. Rules of a bus in this"
                " account and region forward to others"
            )
    return found


def check_environment(context: str, name: str, environment: Mapping[str, str], *, events: bool) -> None:
    """Raise InfraError for invalid variables of a stage. `context` begins the message."""
    try:
        reject_misspelt(environment)
    except SettingsError as error:
        raise InfraError(f"{context} contain an {error}") from None
    for prefix in ISSUERS:
        if f"{prefix}JWT_SECRET" in environment:
            raise InfraError(
                f"{context} contain {prefix}JWT_SECRET, which is readable in the function's configuration."
                f" Store it in an SSM parameter and set {prefix}JWT_SECRET_PARAMETER to the parameter's name"
            )
    if LOCAL in environment:
        raise InfraError(f"{context} contain {LOCAL}, which is for development: webhooks go to public hosts only")
    if reserved := [variable for variable in TEMPLATE_VARIABLES if variable in environment]:
        raise InfraError(f"{context} contain {', '.join(reserved)}, which the template sets: remove them")
    if not environment.get("CHAT_JWKS_URL") and not environment.get(SECRET_PARAMETER):
        raise InfraError(
            f"{context} have no key to verify tokens: set CHAT_JWKS_URL, or {SECRET_PARAMETER} for a trial"
        )
    for variable in (f"{prefix}JWT_SECRET_PARAMETER" for prefix in ISSUERS):
        if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", environment.get(variable, "/unused")):
            raise InfraError(
                f"{context}: {variable} must be the full name of a parameter, such as /chat/{name}/secret"
            )
    try:
        endpoints = configured_endpoints(environment)
    except ValueError as error:
        raise InfraError(f"{context}: {error}") from None
    if endpoints and not events:
        raise InfraError(f"{context} contain {ENDPOINTS}, but the stage publishes no events: set infra.events")
