"""What a request carries to say who it comes from; nothing is verified here, and no secret is shown.

A socket's credential is looked for in three places, as browsers cannot set headers on a WebSocket:

1. `Authorization: Bearer <token>` (RFC 6750 section 2.1),
2. `Sec-WebSocket-Protocol: chat.v1, bearer.<token>`,
3. `?ticket=<ticket>`.

A token in the query string is never taken: URLs are logged, and a token outlives the log line.

Exactly one credential may be given. The same token in two places is one; anything else that differs is
refused rather than ranked, since an order of precedence lets whoever can add a header or a parameter to
somebody's request decide which one counts.

Of an offered list of subprotocols only `chat.v1` is ever answered. An offer without it is not refused:
its token counts, foreign names are ignored, and nothing is answered. A server may do that (RFC 6455
section 4.2.2); browsers then close the socket themselves, other programs go on.
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
# Of the characters of a bearer token those that may stand in the name of a subprotocol (RFC 6455 section 4.1).
_BEARER_ENTRY = re.compile(r"bearer\.([A-Za-z0-9._~+-]+)")
_BLANKS = " \t"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was found: a token or a ticket or neither, and the subprotocol to answer (or none)."""

    token: str | None = field(repr=False)
    ticket: str | None = field(repr=False)
    subprotocol: str | None


def read_credentials(headers: Mapping[str, str] | None, query: Mapping[str, str] | None) -> Credentials:
    """The credentials of a `$connect` request, from its `headers` and `queryStringParameters`.

    API Gateway hands on header names as the client wrote them, and leaves out the query altogether where
    there is none. Without any credential both `token` and `ticket` are None.

    Raises `InvalidCredentials` for a malformed credential, and for several that differ.
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
    """The token of an `Authorization` header.

    The scheme is case-insensitive (RFC 9110 section 11.1). Raises `InvalidCredentials` where the header is
    missing, empty, of another scheme, or holds what cannot be a bearer token.
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
    # Several header lines are one list (RFC 6455 section 11.3.4). Its empty elements (RFC 9110 section 5.6.1)
    # stay, for they are no name that anybody looks for.
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
