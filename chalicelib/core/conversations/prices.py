"""The price of every command and route: data, beside the permissions. `specs/prices.py` makes a table of it.

A price is in millionths of a dollar: at least the list price of the calls of the store in the worst case. Requests
that the limits on messages and on changes charge have a price, too, but it is not charged: they cost one message,
or one change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MESSAGES: Final = frozenset(
    {
        "message", "edit", "delete", "react", "unreact", "batch",
        "POST /conversations/{conversation_id}/messages", "POST /batch",
        "PATCH /conversations/{conversation_id}/messages/{sequence_id}",
        "DELETE /conversations/{conversation_id}/messages/{sequence_id}",
        "PUT /conversations/{conversation_id}/messages/{sequence_id}/reactions",
        "DELETE /conversations/{conversation_id}/messages/{sequence_id}/reactions",
    }
)  # fmt: skip
"""Requests that the rate limit on messages charges. Reads in a batch are charged besides, as single ones."""
CHANGES: Final = frozenset(
    {
        "PATCH /conversations/{conversation_id}", "POST /conversations/{conversation_id}/join",
        "POST /conversations/{conversation_id}/leave", "PATCH /conversations/{conversation_id}/participants",
        "DELETE /conversations/{conversation_id}/bans", "PUT /me/blocks", "DELETE /me/blocks",
        "DELETE /conversations/{conversation_id}/pending",
    }
)  # fmt: skip
"""Requests that the limit on changes charges."""
DEFAULT: Final = 50
"""The price of a route that is not listed; tests find such a route."""
PRICES: Final[Mapping[str, int]] = {
    "connect": 100,  # a handshake, with the end of the connection
    "hello": 5, "subscribe": 40, "unsubscribe": 10, "sync": 40, "read": 20, "typing": 20, "auth": 150, "ping": 2,
    "message": 45, "edit": 70, "delete": 2_000, "react": 70, "unreact": 70, "batch": 1_000,
    "POST /conversations": 700, "PUT /direct": 100,
    "GET /conversations": 40, "GET /conversations/{conversation_id}": 40,
    "PATCH /conversations/{conversation_id}": 40, "DELETE /conversations/{conversation_id}": 100,
    "POST /conversations/{conversation_id}/join": 50, "POST /conversations/{conversation_id}/leave": 50,
    "POST /conversations/{conversation_id}/participants": 50,
    "PATCH /conversations/{conversation_id}/participants": 50,
    "DELETE /conversations/{conversation_id}/participants": 50,
    "GET /conversations/{conversation_id}/bans": 20, "DELETE /conversations/{conversation_id}/bans": 20,
    "POST /conversations/{conversation_id}/invites": 20, "GET /conversations/{conversation_id}/invites": 20,
    "DELETE /conversations/{conversation_id}/invites/{invite}": 20,
    "GET /conversations/{conversation_id}/audit": 20,
    "GET /conversations/{conversation_id}/messages": 100, "GET /conversations/{conversation_id}/events": 100,
    "POST /conversations/{conversation_id}/messages": 45, "POST /batch": 1_000,
    "PATCH /conversations/{conversation_id}/messages/{sequence_id}": 70,
    "DELETE /conversations/{conversation_id}/messages/{sequence_id}": 2_000,
    "GET /conversations/{conversation_id}/messages/{sequence_id}/reactions": 20,
    "PUT /conversations/{conversation_id}/messages/{sequence_id}/reactions": 70,
    "DELETE /conversations/{conversation_id}/messages/{sequence_id}/reactions": 70,
    "PUT /conversations/{conversation_id}/read": 20, "PATCH /conversations/{conversation_id}/me": 20,
    "POST /conversations/{conversation_id}/messages/{sequence_id}/report": 100,
    "GET /conversations/{conversation_id}/reports": 50,
    "PATCH /conversations/{conversation_id}/reports/{report}": 20,
    "GET /conversations/{conversation_id}/pending": 50, "DELETE /conversations/{conversation_id}/pending": 50,
    "GET /me/blocks": 20, "PUT /me/blocks": 600, "DELETE /me/blocks": 50,
    "PUT /me/profile": 10_000,  # with the copies to as many memberships as a participant can have
    "GET /me": 10, "GET /me/export": 150, "DELETE /me": 100, "GET /me/erasure": 10, "POST /tickets": 10,
    "POST /service/conversations": 700, "GET /service/conversations": 40,
    "GET /service/conversations/{conversation_id}": 40, "PATCH /service/conversations/{conversation_id}": 40,
    "DELETE /service/conversations/{conversation_id}": 100,
    "GET /service/conversations/{conversation_id}/messages": 100,
    "GET /service/conversations/{conversation_id}/reports": 50,
    "PATCH /service/conversations/{conversation_id}/reports/{report}": 20,
    "POST /service/conversations/{conversation_id}/invites": 20,
    "GET /service/conversations/{conversation_id}/invites": 20,
    "DELETE /service/conversations/{conversation_id}/invites/{invite}": 20,
    "GET /service/conversations/{conversation_id}/pending": 50,
    "DELETE /service/conversations/{conversation_id}/pending": 50,
    "DELETE /service/conversations/{conversation_id}/messages/{sequence_id}/reactions": 70,
    "GET /service/conversations/{conversation_id}/events": 100,
    "POST /service/conversations/{conversation_id}/messages": 45,
    "DELETE /service/conversations/{conversation_id}/messages/{sequence_id}": 2_000,
    "POST /service/conversations/{conversation_id}/participants": 50,
    "PATCH /service/conversations/{conversation_id}/participants": 50,
    "DELETE /service/conversations/{conversation_id}/participants": 50,
    "GET /service/conversations/{conversation_id}/bans": 20,
    "DELETE /service/conversations/{conversation_id}/bans": 20,
    "GET /service/conversations/{conversation_id}/audit": 20,
    "GET /service/reports": 50, "GET /service/participants": 10, "PATCH /service/participants": 100,
    "GET /service/participants/export": 150, "DELETE /service/participants": 100,
    "GET /service/participants/erasure": 10,
    "POST /service/endpoints": 50, "GET /service/endpoints": 20, "GET /service/endpoints/{endpoint_id}": 40,
    "PATCH /service/endpoints/{endpoint_id}": 50, "DELETE /service/endpoints/{endpoint_id}": 50,
    "POST /service/endpoints/{endpoint_id}/secret": 50, "POST /service/endpoints/{endpoint_id}/resume": 200,
    "POST /service/endpoints/{endpoint_id}/test": 50,
}  # fmt: skip
"""By the type of a command, or the method and path of a route; `connect` is a handshake."""
PER_NAMED: Final[Mapping[str, int]] = {"hello": 25, "ping": 1}
"""The price of each conversation that a command names."""
PER_STORED: Final[Mapping[str, int]] = {
    "GET /conversations": 25, "GET /me/export": 50, "GET /service/participants/export": 50,
}  # fmt: skip
"""The price of a hundred conversations that a request reads without naming them.

They are all of the caller for a list by activity, and those on its page for an export. It is charged when their
number is known, also to a service.
"""


def charged(request: str, named: int = 0) -> int:
    """Return what a request costs of the budget; 0 if another limit charges it. `named` counts conversations."""
    if request in MESSAGES or request in CHANGES:
        return 0
    return price(request) + named * PER_NAMED.get(request, 0)


def price(request: str) -> int:
    """Return the price of a request; a service is charged for each one."""
    return PRICES.get(request, DEFAULT)


def stored_price(request: str, count: int) -> int:
    """Return the price of so many conversations that a request reads without naming them."""
    return -(-count * PER_STORED[request] // 100)
