"""Connections to one origin that are kept from request to request, and from invocation to invocation.

Between two invocations a function is frozen, and its idle connections may be closed without a trace. The law: a
kept connection is checked before it is used again, and not used at all after `IDLE_TIMEOUT`.

Connections are kept in groups. A group has one poller, with which its connections stay registered, and is lent to
one run of a multiplexer at a time, so that a fan-out registers nothing that is already open.
"""

from __future__ import annotations

import contextlib
import select
import threading
import weakref
from typing import Any

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._connection import Connection
from chalicelib.awshttp._origin import Address, Origin, Resolver
from chalicelib.awshttp._tls import TlsContext

IDLE_TIMEOUT = 45.0
"""Seconds that an unused connection is kept, by the wall clock, which runs on while a function is frozen."""
MAX_KEPT = 256
"""How many file descriptors a pool keeps open: connections and the pollers of their groups."""


class ConnectionGroup:
    """Connections that share a poller. Belongs to one run of a multiplexer, or to the pool."""

    __slots__ = ("connections", "idle", "poller", "timeout_scale")

    def __init__(self) -> None:
        self.poller: Any
        # epoll (Linux, so Lambda) and poll (any Unix) have the same methods and the same event masks.
        if hasattr(select, "epoll"):
            self.poller, self.timeout_scale = select.epoll(), 1.0
        else:
            self.poller, self.timeout_scale = select.poll(), 1000.0
        self.connections: dict[int, Connection] = {}
        """By file descriptor."""
        self.idle: list[Connection] = []
        """Those with nothing in flight, the most recently used one last."""

    def open(self, address: Address, events: int) -> Connection:
        """Begin to connect to an address, and poll the connection for `events`. Raises OSError."""
        connection = Connection(address)
        try:
            self.poller.register(connection.fd, events)
        except OSError:
            connection.close()
            raise
        self.connections[connection.fd] = connection
        return connection

    def remove(self, connection: Connection) -> None:
        """Close a connection that is not in `idle`."""
        del self.connections[connection.fd]
        with contextlib.suppress(OSError):
            self.poller.unregister(connection.fd)
        connection.close()

    def remove_if_ended(self, connection: Connection) -> None:
        """Close an idle connection that has ended."""
        if connection.has_ended():
            self.idle.remove(connection)
            self.remove(connection)

    def remove_ended(self) -> None:
        """Close the idle connections that have ended: the peer has most likely closed those that are readable."""
        for fd, _ in self.poller.poll(0):
            self.remove_if_ended(self.connections[fd])

    def close_active(self) -> None:
        """Close all connections with something in flight: a late response must not meet the next request.

        After an error of a transfer, one can be open and neither in flight nor in `idle`.
        """
        kept = {connection.fd for connection in self.idle}
        for fd in self.connections.keys() - kept:
            self.remove(self.connections[fd])

    def close_idle_since(self, oldest: float) -> None:
        """Close the connections that were last used before `oldest`, by the wall clock."""
        while self.idle and self.idle[0].idle_since < oldest:
            self.remove(self.idle.pop(0))

    def close(self) -> None:
        """Close all connections, and the poller."""
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()
        self.idle.clear()
        close = getattr(self.poller, "close", None)
        if close is not None:
            close()


class ConnectionPool:
    """The connections to one origin. Safe to use from any thread."""

    def __init__(self, origin: Origin, clock: Clock, tls: TlsContext) -> None:
        self.origin = origin
        self.tls = tls
        self.resolver = Resolver(origin, clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: list[ConnectionGroup] = []
        """Those that are not lent, the most recently used one last."""
        self._is_closed = False
        # A pool that is no longer referenced closes its connections.
        weakref.finalize(self, _close_all, self._groups)

    def acquire(self, wanted: int) -> ConnectionGroup:
        """Lend a group with about `wanted` idle connections.

        The borrower must check whether they are still open.
        """
        with self._lock:
            sufficient = [group for group in self._groups if len(group.idle) >= wanted]
            candidates = sufficient or self._groups
            if not candidates:
                return ConnectionGroup()
            # The smallest sufficient one, or else the largest: a single request leaves a fan-out its connections.
            group = (min if sufficient else max)(candidates, key=lambda candidate: len(candidate.idle))
            self._groups.remove(group)
        group.close_idle_since(self._clock.now() - IDLE_TIMEOUT)
        return group

    def release(self, group: ConnectionGroup) -> None:
        """Take back a group: keep its idle connections and close the others."""
        group.close_active()
        surplus: list[ConnectionGroup] = []
        with self._lock:
            if self._is_closed:
                surplus.append(group)
            else:
                self._groups.append(group)
                kept = sum(len(each.idle) + 1 for each in self._groups)
                while kept > MAX_KEPT:
                    oldest = self._groups.pop(0)
                    kept -= len(oldest.idle) + 1
                    surplus.append(oldest)
        _close_all(surplus)

    def close(self) -> None:
        """Keep no connections from now on. Requests still work, each on a new connection."""
        with self._lock:
            self._is_closed = True
            _close_all(self._groups)


def _close_all(groups: list[ConnectionGroup]) -> None:
    while groups:
        groups.pop().close()
