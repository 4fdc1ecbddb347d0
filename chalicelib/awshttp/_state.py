"""The states of a connection, and the legal transitions between them.

    CONNECTING ──► TLS_HANDSHAKE ──► IDLE ──► SENDING ──► RECEIVING
         │                           ▲  ▲                     │
         └───────────────────────────┘  └─────────────────────┘

Every state but CLOSED also leads to CLOSED.

The law: a request starts only on an IDLE connection, and a connection becomes IDLE again only from RECEIVING, when
its request was sent and its response was read, both to the end. So a request never meets bytes that belong to
another one. A response that arrives while the request is still being sent (RFC 9112 section 9.3) closes the
connection.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class ConnectionState(enum.StrEnum):
    """The state of one connection."""

    CONNECTING = "connecting"
    TLS_HANDSHAKE = "TLS handshake"
    IDLE = "idle"
    """Open, with nothing in flight."""
    SENDING = "sending"
    """Part of the request is unsent."""
    RECEIVING = "receiving"
    """The request was sent; its response is incomplete."""
    CLOSED = "closed"


TRANSITIONS: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    ConnectionState.CONNECTING: frozenset(
        {ConnectionState.TLS_HANDSHAKE, ConnectionState.IDLE, ConnectionState.CLOSED}
    ),
    ConnectionState.TLS_HANDSHAKE: frozenset({ConnectionState.IDLE, ConnectionState.CLOSED}),
    ConnectionState.IDLE: frozenset({ConnectionState.SENDING, ConnectionState.CLOSED}),
    ConnectionState.SENDING: frozenset({ConnectionState.RECEIVING, ConnectionState.CLOSED}),
    ConnectionState.RECEIVING: frozenset({ConnectionState.IDLE, ConnectionState.CLOSED}),
    ConnectionState.CLOSED: frozenset(),
}
"""The states that may follow each state."""


class IllegalTransition(Exception):
    """A connection was used in a state that does not allow it: a defect of this package."""
