"""Tickets: short-lived, single-use credentials for clients that can only pass one in the URL of the WebSocket.

URLs end up in access logs and histories, so a credential in one must soon be worthless. Only a digest of a ticket
is stored, so that read access to the store does not allow connecting. A plain SHA-256 suffices, because a ticket
has 256 random bits.
"""

from __future__ import annotations

import re
import secrets

from chalicelib.core.kernel.ids import digest
from chalicelib.identity.errors import InvalidCredentials

TICKET_BYTES = 32
_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in unpadded base64url


def new_ticket() -> str:
    """Return a new ticket: 256 random bits as 43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(TICKET_BYTES)


def is_ticket(text: str) -> bool:
    """Return whether the text has the form of a ticket, issued or not."""
    return _TICKET.fullmatch(text) is not None


def ticket_key(ticket: str) -> str:
    """Return the key of a ticket in the store: its SHA-256 in hexadecimal.

    Raises `InvalidCredentials` if the text does not have the form of a ticket, which saves a store call.
    """
    if not is_ticket(ticket):
        raise InvalidCredentials("the ticket is malformed")
    return digest(ticket)
