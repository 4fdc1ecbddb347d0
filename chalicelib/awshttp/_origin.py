"""Where connections lead: the origin of a URL, and the addresses of its host.

No proxy is used, whatever the environment configures: the peers are AWS's services, or servers on the same
machine.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Any
from urllib.parse import urlsplit

from chalicelib.awshttp._clock import Clock

ADDRESS_TTL = 30.0
"""For how many seconds resolved addresses are used, by the wall clock: it runs on while a function is frozen."""
FAILURE_TTL = 1.0
"""For how many seconds a name is not resolved again after it took so long: connections would wait one by one."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
Address = tuple[socket.AddressFamily, Any]
"""An address family, and an address as `socket.connect` takes it."""


class Origin:
    """The scheme, host and port of a URL (RFC 6454)."""

    __slots__ = ("host", "host_header", "is_tls", "port")

    def __init__(self, url: str) -> None:
        """Take them from a URL; its path and query are ignored. Raises ValueError if it is not an HTTP URL."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or parts.hostname is None:
            raise ValueError("an endpoint must be a URL that begins with https:// or http://")
        default_port = _DEFAULT_PORTS[parts.scheme]
        self.host = parts.hostname
        self.is_tls = parts.scheme == "https"
        self.port = parts.port or default_port
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.host_header = host if self.port == default_port else f"{host}:{self.port}"
        """The value of the `Host` field (RFC 9110 section 7.2)."""


class Resolver:
    """The addresses of an origin's host, in turn. Safe to use from any thread."""

    def __init__(self, origin: Origin, clock: Clock, failure_ttl: float = FAILURE_TTL) -> None:
        self._origin = origin
        self._clock = clock
        self._failure_ttl = failure_ttl
        self._lock = threading.Lock()
        self._addresses: deque[Address] = deque()
        self._resolved_at = 0.0
        self._failed_at = 0.0

    def address(self, timeout: float) -> Address:
        """Return the current address. Raises OSError if there is none within `timeout` seconds."""
        now = self._clock.now()
        with self._lock:
            if self._addresses and 0 <= now - self._resolved_at < ADDRESS_TTL:
                return self._addresses[0]
            if 0 <= now - self._failed_at < self._failure_ttl:
                raise OSError("the host name was not resolved a moment ago")
        try:
            addresses = _resolve(self._origin.host, self._origin.port, timeout)
        except TimeoutError:
            if timeout >= self._failure_ttl:
                self._failed_at = self._clock.now()
            raise
        with self._lock:
            self._addresses = deque(addresses)
            self._resolved_at = self._clock.now()
            return self._addresses[0]

    def rotate(self) -> None:
        """Make the next address the current one: a connection to the current one failed."""
        with self._lock:
            self._addresses.rotate(-1)


def _resolve(host: str, port: int, timeout: float) -> list[Address]:
    """Resolve a name, in a thread because `getaddrinfo` has no timeout. Raises OSError."""
    results: list[list[Address] | OSError] = []

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            results.append(error)
        except UnicodeError:
            results.append(OSError("the host name cannot be encoded"))
        else:
            results.append([(family, address) for family, _, _, _, address in found])

    thread = threading.Thread(target=resolve, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError("the process can start no thread to resolve the host name") from error
    thread.join(max(timeout, 0))
    if not results:
        raise TimeoutError("the host name was not resolved in time")
    (result,) = results
    if isinstance(result, OSError):
        raise result
    return result
