"""The connections of the WebSocket API, and which of them can receive posts.

A connection is *pending* while its ``$connect`` runs: it has an id, but posts to it get 410. It can receive posts
from the 101 until one side starts to close. It is *dropped* if its TCP connection broke and the gateway has not
detected that yet: posts get 200 but are lost. After that it is removed. Ids are never reused.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class ConnectionState(Enum):
    """The state of a connection; see the module's docstring."""

    PENDING = "pending"
    SERVED = "served"
    DROPPED = "dropped"
    CLOSED = "closed"


class Channel(Protocol):
    """The operations that a connection needs of its socket."""

    def deliver(self, payload: bytes, max_frame_bytes: int) -> None:
        """Write one text message, in several frames if it exceeds ``max_frame_bytes``."""

    def is_open(self) -> bool:
        """Return whether the 101 has been sent and neither side has started to close."""

    def buffered_bytes(self) -> int:
        """Return the bytes that are written but not yet accepted by the TCP connection."""

    def start_closing(self, code: int, reason: str) -> None:
        """Start the closing handshake with this code; later messages are not delivered."""

    def abort(self) -> None:
        """Abort the TCP connection without a close frame."""


class ClosedChannel:
    """The channel of a connection whose socket has ended. It keeps nothing of the socket in memory."""

    def deliver(self, payload: bytes, max_frame_bytes: int) -> None:
        """Do nothing: the connection has ended."""

    def is_open(self) -> bool:
        """Return False."""
        return False

    def buffered_bytes(self) -> int:
        """Return 0."""
        return 0

    def start_closing(self, code: int, reason: str) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


CLOSED_CHANNEL = ClosedChannel()


@dataclass
class Connection:
    """One connection of the WebSocket API.

    ``connected_at`` and ``last_active_at`` are Unix times in milliseconds, as shown to functions and callers;
    ``opened_at`` and ``last_active`` are the same times on the monotonic clock, for the limits.
    """

    connection_id: str
    connected_at: int
    opened_at: float
    source_ip: str
    user_agent: str | None
    host: str
    channel: Channel
    client: str = field(default="", repr=False)
    """The credentials of the handshake: connections with the same ones share the workers."""
    authorizer: Mapping[str, str | None] | None = None
    integration_latency: int | None = None
    state: ConnectionState = ConnectionState.PENDING
    number: int = 0
    """Its position in the order of connections, from 1."""
    order_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_active_at: int = field(init=False)
    last_active: float = field(init=False)

    def __post_init__(self) -> None:
        self.touch(self.connected_at, self.opened_at)

    def is_open(self) -> bool:
        """Return whether messages reach the client."""
        return self.channel.is_open()

    def touch(self, milliseconds: int, monotonic: float) -> None:
        """Record activity in either direction, which resets the idle timer."""
        self.last_active_at = milliseconds
        self.last_active = monotonic


class ConnectionRegistry:
    """All connections that are not closed."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._added = 0

    def add(self, connection: Connection) -> None:
        """Add a new connection."""
        self._added += 1
        connection.number = self._added
        self._connections[connection.connection_id] = connection

    def remove(self, connection: Connection) -> None:
        """Remove a rejected or closed connection; its id becomes invalid."""
        connection.state = ConnectionState.CLOSED
        self._connections.pop(connection.connection_id, None)

    def reachable(self, connection_id: str) -> Connection | None:
        """Return the connection for posts to this id, or None if it is unknown, closed or still pending."""
        connection = self._connections.get(connection_id)
        if connection is None or not (connection.is_open() or connection.state is ConnectionState.DROPPED):
            return None
        return connection

    def open_ids(self) -> list[str]:
        """Return the ids of the open connections, oldest first. Thread-safe."""
        return [item.connection_id for item in list(self._connections.values()) if item.is_open()]
