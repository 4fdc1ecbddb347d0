"""Tokens of services: the backends of the product, which authenticate with OAuth 2.0 client credentials.

A token is that of a service only if its `scope` (RFC 8693 section 4.2) contains the configured scope, and its
client is listed. A token with the scope of another client is refused: it must never become a participant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from chalicelib.core.kernel.text import is_participant_id
from chalicelib.identity.errors import InvalidClaims, shown

_CLIENT_CLAIMS = ("azp", "client_id", "sub")
"""The claims that can name the client. The first one that a token has counts: a `sub` can be that of a person."""
_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3


def service_client(claims: Mapping[str, object], scope: str, clients: Collection[str]) -> str | None:
    """Return the client id of a service's token, None for any other token. Raises `InvalidClaims`."""
    scopes = claims.get("scope")
    if not isinstance(scopes, str) or scope not in scopes.split(" "):
        return None
    name = next((name for name in _CLIENT_CLAIMS if name in claims), "client_id")
    client = claims.get(name)
    if not isinstance(client, str) or client not in clients:
        diagnosis = f"{name}: {shown(client)} is not in CHAT_SERVICE_CLIENTS"
        raise InvalidClaims("the token has the scope of services, but is not from one of their clients", diagnosis)
    return client


def check_services(scope: str | None, clients: Collection[str]) -> None:
    """Raise `ValueError` if only one of the settings is given, or if one is malformed."""
    if (scope is None) != (not clients):
        raise ValueError("set CHAT_SERVICE_SCOPE and CHAT_SERVICE_CLIENTS, or neither of them")
    if scope is not None and not _SCOPE.fullmatch(scope):
        raise ValueError("CHAT_SERVICE_SCOPE must be one scope, without blanks")
    if not all(map(is_participant_id, clients)):
        raise ValueError(
            "CHAT_SERVICE_CLIENTS must be client ids of visible ASCII characters, separated by commas"
        )
