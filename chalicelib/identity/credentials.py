"""Reading the credential of a request. Nothing is verified here, and no secret appears in an error or a repr.

A WebSocket handshake can have it in three places, because browsers cannot set headers on a WebSocket:

1. `Authorization: Bearer <token>` (RFC 6750 section 2.1),
2. `Sec-WebSocket-Protocol: chat.v1, bearer.<token>`,
3. `?ticket=<ticket>`.

A token in the query string is ignored: URLs are logged, and a token is valid for longer than a ticket.

Exactly one credential is accepted; the same token in two places counts once. Different credentials are rejected,
not ranked: with a precedence, anyone who can add a header or a parameter to a request could choose the identity.

The only subprotocol that is ever selected is `chat.v1`. An offer without it is accepted, and none is selected,
which RFC 6455 section 4.2.2 allows: browsers then close the connection, other clients may continue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.identity.errors import InvalidCredentials
from chalicelib.identity.tickets import is_ticket

__all__ = ["SUBPROTOCOL", "Credentials", "InvalidCredentials", "bearer_token", "read_credentials"]

SUBPROTOCOL = "chat.v1"
_BEARER_PREFIX = "bearer."
_BEARER_HEADER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
# The characters of a bearer token that the name of a subprotocol may have (RFC 6455 section 4.1).
_BEARER_ENTRY = re.compile(r"bearer\.([A-Za-z0-9._~+-]+)")
_BLANKS = " \t"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, a ticket, or neither; and the subprotocol to select, if any."""

    token: str | None = field(repr=False)
    ticket: str | None = field(repr=False)
    subprotocol: str | None


def read_credentials(headers: Mapping[str, str] | None, query: Mapping[str, str] | None) -> Credentials:
    """Return the credentials of a `$connect` event, from its `headers` and `queryStringParameters`.

    API Gateway passes header names in the client's spelling, and no query if it is empty. Without a credential,
    both `token` and `ticket` are None.

    Raises `InvalidCredentials` if a credential is malformed, or if there are different ones.
    """
    offer = _offered(_values(headers, "sec-websocket-protocol"))
    tokens = {bearer_token(value) for value in _values(headers, "authorization")}
    tokens |= {_entry_token(entry) for entry in offer if entry.startswith(_BEARER_PREFIX)}
    ticket = _ticket(query)
    if len(tokens) + (ticket is not None) > 1:
        raise InvalidCredentials("the request carries several credentials: send exactly one")
    return Credentials(
        token=next(iter(tokens), None),
        ticket=ticket,
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offer else None,
    )


def bearer_token(header_value: str | None) -> str:
    """Return the token of an `Authorization` header. The scheme is case-insensitive (RFC 9110 section 11.1).

    Raises `InvalidCredentials` if the header is missing, empty, of another scheme, or malformed.
    """
    if header_value is None:
        raise InvalidCredentials("the Authorization header is missing")
    value = header_value.strip(_BLANKS)
    if not value:
        raise InvalidCredentials("the Authorization header is empty")
    found = _BEARER_HEADER.fullmatch(value)
    if found is None:
        raise InvalidCredentials("the Authorization header must be: Bearer <token>")
    return found[1]


def _values(headers: Mapping[str, str] | None, name: str) -> list[str]:
    return [value for key, value in (headers or {}).items() if key.lower() == name]


def _offered(values: Iterable[str]) -> list[str]:
    # Several header lines form one list (RFC 6455 section 11.3.4). Empty elements (RFC 9110 section 5.6.1) are
    # kept: they match no name.
    return [entry.strip(_BLANKS) for value in values for entry in value.split(",")]


def _entry_token(entry: str) -> str:
    found = _BEARER_ENTRY.fullmatch(entry)
    if found is None:
        raise InvalidCredentials("a token among the subprotocols must be: bearer.<token>")
    return found[1]


def _ticket(query: Mapping[str, str] | None) -> str | None:
    ticket = (query or {}).get("ticket")
    if ticket is not None and not is_ticket(ticket):
        raise InvalidCredentials("the ticket is malformed")
    return ticket
