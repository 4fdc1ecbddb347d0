"""Socket tickets: a short-lived, single-use stand-in for a token where only a URL can carry a credential.

A URL ends up in access logs and histories, so what stands in it must be worthless a moment later. The
store keeps a ticket only by its digest: who reads the store cannot open a socket with what is there. A
plain SHA-256 is enough for that, as 256 random bits leave nothing to guess.
"""

from __future__ import annotations

import re
import secrets

from chalicelib.core.kernel.ids import digest
from chalicelib.identity.errors import InvalidCredentials

TICKET_BYTES = 32
_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in unpadded base64url


def new_ticket() -> str:
    """A fresh ticket: 256 random bits as 43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(TICKET_BYTES)


def is_ticket(text: str) -> bool:
    """Whether the text has the form of a ticket; says nothing about whether it was ever issued."""
    return _TICKET.fullmatch(text) is not None


def ticket_key(ticket: str) -> str:
    """The key of a ticket in the store: its SHA-256 in hexadecimal.

    Raises `InvalidCredentials` for what has not the form of a ticket, so garbage never costs a store call.
    """
    if not is_ticket(ticket):
        raise InvalidCredentials("the ticket is malformed")
    return digest(ticket)
