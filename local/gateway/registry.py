"""The connections of the WebSocket API: what is known of each, and which of them can be posted to.

A connection is *pending* while its ``$connect`` runs (it has an id, posts to it answer 410), can be reached
from the very moment of the 101 until one side begins to close, is *dropped* when its TCP connection broke and
the gateway has not noticed yet (posts still answer 200, into nothing), and is then forgotten. An id never
comes back.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class ConnectionState(Enum):
    """Where a connection stands; see the module's docstring."""

    PENDING = "pending"
    SERVED = "served"
    DROPPED = "dropped"
    CLOSED = "closed"


class Channel(Protocol):
    """What a connection needs of its socket."""

    def deliver(self, payload: bytes, max_frame_bytes: int) -> None:
        """Write one text message, in several frames if it is longer than ``max_frame_bytes``."""

    def is_open(self) -> bool:
        """Whether the 101 has been sent and neither side has begun to close."""

    def buffered_bytes(self) -> int:
        """Bytes written and not yet taken by the client's side of the TCP connection."""

    def start_closing(self, code: int, reason: str) -> None:
        """Begin the closing handshake with this code; nothing is delivered after it."""

    def abort(self) -> None:
        """Break the TCP connection without a close frame."""


@dataclass
class Connection:
    """One connection of the WebSocket API.

    ``connected_at`` and ``last_active_at`` are milliseconds since the epoch, as shown to functions and callers;
    ``allotted`` and ``last_active`` are the same moments on the monotonic clock, for the limits.
    """

    connection_id: str
    connected_at: int
    opened_at: float
    source_ip: str
    user_agent: str | None
    host: str
    channel: Channel
    authorizer: Mapping[str, str | None] | None = None
    integration_latency: int | None = None
    state: ConnectionState = ConnectionState.PENDING
    number: int = 0
    """Counted from 1, in the order of connecting."""
    order_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_active_at: int = field(init=False)
    last_active: float = field(init=False)

    def __post_init__(self) -> None:
        self.touch(self.connected_at, self.opened_at)

    def is_open(self) -> bool:
        """Whether messages reach the client."""
        return self.channel.is_open()

    def touch(self, milliseconds: int, monotonic: float) -> None:
        """Data has passed in one direction or the other: that is what the idle timer looks at."""
        self.last_active_at = milliseconds
        self.last_active = monotonic


class ConnectionRegistry:
    """All connections that are not closed yet."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._added = 0

    def add(self, connection: Connection) -> None:
        """Remember a connection that was just allotted its id."""
        self._added += 1
        connection.number = self._added
        self._connections[connection.connection_id] = connection

    def remove(self, connection: Connection) -> None:
        """Drop a connection that is refused or closed: from now on its id is gone."""
        connection.state = ConnectionState.CLOSED
        self._connections.pop(connection.connection_id, None)

    def reachable(self, connection_id: str) -> Connection | None:
        """The connection that posts to this id go to, or None: gone, never there, or still connecting."""
        connection = self._connections.get(connection_id)
        if connection is None or not (connection.is_open() or connection.state is ConnectionState.DROPPED):
            return None
        return connection

    def open_ids(self) -> list[str]:
        """The ids of the open connections, oldest first. Safe to call from any thread."""
        return [item.connection_id for item in list(self._connections.values()) if item.is_open()]
