"""Connections to one endpoint that are kept from request to request, and from invocation to invocation.

Between two invocations a function is frozen, and its connections may die unseen. So a kept connection is looked
at before it is used again (`exchange.py`), and one that nobody used for a while is not used at all. They are
kept in nests, each with the poller that knows its connections, and lent as such: nobody has to be made known to
a poller again.

No proxy is ever asked, whatever the environment names: what is asked is AWS, or this machine.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from chalicelib.awshttp._http11 import ResponseParser
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import Clock

IDLE_SECONDS = 45.0
"""How long an unused connection is kept, by the wall clock, which goes on while a function is frozen."""
MAX_IDLE = 256
"""Connections and nests that are kept, taken together."""
ADDRESS_SECONDS = 30.0
"""For how long the addresses of a name are taken for known."""
_PORTS = {"http": 80, "https": 443}
Address = tuple[socket.AddressFamily, Any]


class Origin:
    """Where to: scheme, host and port of a URL."""

    __slots__ = ("host", "host_header", "is_tls", "port")

    def __init__(self, url: str) -> None:
        """Raises ValueError if that is no URL of HTTP."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or parts.hostname is None:
            raise ValueError("an endpoint must be a URL that begins with https:// or http://")
        self.host = parts.hostname
        self.is_tls = parts.scheme == "https"
        usual = _PORTS[parts.scheme]
        self.port = parts.port or usual
        named = f"[{self.host}]" if ":" in self.host else self.host
        self.host_header = named if self.port == usual else f"{named}:{self.port}"


class Connection:
    """A connection and what is under way on it. Belongs to one exchange, or to the pool."""

    __slots__ = (
        "expires", "fd", "idle_since", "is_ready", "is_secured", "reader", "sock", "task", "unsent", "used",
    )  # fmt: skip

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.is_ready = False
        """Whether it is connected and, over TLS, the peer verified."""
        self.is_secured = False
        """Whether TLS has begun."""
        self.used = False
        """Whether a request was answered on it before this one."""
        self.idle_since = 0.0
        self.task: Any = None
        self.unsent: bytes | memoryview = b""
        self.reader = ResponseParser()
        self.expires = 0.0


class ConnectionGroup:
    """Connections that wait together. Belongs to one exchange, or to the pool."""

    __slots__ = ("everyone", "free", "poller", "units")

    def __init__(self) -> None:
        self.poller: Any
        # The same methods and the same numbers: epoll on Linux, so on Lambda, and poll, which any Unix has.
        if hasattr(select, "epoll"):
            self.poller, self.units = select.epoll(), 1.0
        else:
            self.poller, self.units = select.poll(), 1000.0
        self.everyone: dict[int, Connection] = {}
        """By file descriptor."""
        self.free: list[Connection] = []
        """Those that no request is under way on; the one that was used last is at the end."""

    def add(self, connection: Connection, events: int) -> None:
        """Take in a connection."""
        self.poller.register(connection.fd, events)
        self.everyone[connection.fd] = connection

    def remove(self, connection: Connection) -> None:
        """Close a connection that is not free."""
        del self.everyone[connection.fd]
        with contextlib.suppress(OSError):
            self.poller.unregister(connection.fd)
        connection.sock.close()

    def prune(self, oldest: float) -> None:
        """Close what a request is under way on, and what was last used before `oldest`."""
        for each in [one for one in self.everyone.values() if one.task is not None]:
            self.remove(each)
        while self.free and self.free[0].idle_since < oldest:
            self.remove(self.free.pop(0))

    def close(self) -> None:
        """Close them all."""
        for each in self.everyone.values():
            each.sock.close()
        self.everyone.clear()
        self.free.clear()
        close = getattr(self.poller, "close", None)
        if close is not None:
            close()


class ConnectionPool:
    """The connections to one endpoint. Safe to use from any thread."""

    def __init__(self, endpoint: Origin, clock: Clock, trust: TlsContext) -> None:
        self.endpoint = endpoint
        self.trust = trust
        self._clock = clock
        self._nests: list[ConnectionGroup] = []
        """Those that nobody has; the one that was given back last is at the end."""
        self._lock = threading.Lock()
        self._closed = False
        self._addresses: deque[Address] = deque()
        self._addresses_until = 0.0
        # Whoever forgets a pool lets go of its connections.
        weakref.finalize(self, _close_all, self._nests)

    def acquire(self, wanted: int) -> ConnectionGroup:
        """Kept connections, about as many as are wanted. Whether they still live is for the taker to see."""
        with self._lock:
            fitting = [each for each in self._nests if len(each.free) >= wanted]
            nests = fitting or self._nests
            if not nests:
                return ConnectionGroup()
            # The smallest that has enough, and else the largest: a single answer leaves a fan-out its connections.
            chosen = (min if fitting else max)(nests, key=lambda each: len(each.free))
            self._nests.remove(chosen)
        chosen.prune(self._clock.now() - IDLE_SECONDS)
        return chosen

    def release(self, nest: ConnectionGroup) -> None:
        """Keep what is free of these for the next request, and close the others."""
        nest.prune(0)
        surplus: list[ConnectionGroup] = []
        with self._lock:
            if self._closed:
                surplus.append(nest)
            else:
                self._nests.append(nest)
                kept = sum(len(each.free) + 1 for each in self._nests)
                while kept > MAX_IDLE:
                    oldest = self._nests.pop(0)
                    kept -= len(oldest.free) + 1
                    surplus.append(oldest)
        _close_all(surplus)

    def close(self) -> None:
        """Close what is idle, and from now on whatever is given back. Requests go on, each on a new connection."""
        with self._lock:
            self._closed = True
            _close_all(self._nests)

    def address(self, timeout: float) -> Address:
        """An address of the host. Raises OSError if there is none in `timeout` seconds."""
        with self._lock:
            if self._addresses and self._clock.monotonic() < self._addresses_until:
                return self._addresses[0]
        found = _resolve(self.endpoint.host, self.endpoint.port, timeout)
        with self._lock:
            self._addresses = deque(found)
            self._addresses_until = self._clock.monotonic() + ADDRESS_SECONDS
            return self._addresses[0]

    def rotate_address(self) -> None:
        """The address could not be connected to: the next time it is another's turn, if there is one."""
        with self._lock:
            self._addresses.rotate(-1)


def _close_all(nests: list[ConnectionGroup]) -> None:
    while nests:
        nests.pop().close()


def _resolve(host: str, port: int, timeout: float) -> list[Address]:
    """Addresses of a name. In a thread: asking the system for them knows no time limit."""
    outcome: list[Callable[[], list[Address]]] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            problem = error
            outcome.append(lambda: _raise(problem))
        else:
            found: list[Address] = [(family, address) for family, _, _, _, address in answers]
            outcome.append(lambda: found)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(max(timeout, 0))
    if not outcome:
        raise TimeoutError("the name was not resolved in time")
    return outcome[0]()


def _raise(error: OSError) -> list[Address]:
    raise error
