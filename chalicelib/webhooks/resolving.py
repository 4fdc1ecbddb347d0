"""Resolving host names for each attempt. A name is never resolved twice for one attempt."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chalicelib.webhooks.addresses import is_loopback, is_public
from chalicelib.webhooks.errors import AttemptFailed


class Address(NamedTuple):
    """An address as `socket.connect` takes it."""

    family: socket.AddressFamily
    sockaddr: Any


Resolve = Callable[[str, int, float], Sequence[Address]]
"""Returns the addresses of a host and port, within a number of seconds. Raises OSError."""


def resolve(host: str, port: int, timeout: float) -> list[Address]:
    """Resolve a name, in a thread because `getaddrinfo` has no timeout. Raises OSError."""
    results: list[list[Address] | OSError] = []

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            results.append(error)
        except UnicodeError:
            results.append(OSError("the name cannot be encoded"))
        else:
            results.append([Address(family, sockaddr) for family, _, _, _, sockaddr in found])

    thread = threading.Thread(target=look_up, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError("no thread can be started") from error
    thread.join(max(timeout, 0))
    if not results:
        raise TimeoutError
    (result,) = results
    if isinstance(result, OSError):
        raise result
    return result


def checked_addresses(addresses: Sequence[Address], *, local: bool) -> Sequence[Address]:
    """Return the addresses if an attempt may connect to all of them. `local` also allows loopback.

    One that is not allowed refuses all: a name with a public and a private address is an attack or a mistake.

    Raises AttemptFailed.
    """
    if not addresses:
        raise AttemptFailed("the host name has no address")
    for address in addresses:
        text = str(address.sockaddr[0])
        if not is_public(text) and not (local and is_loopback(text)):
            raise AttemptFailed("the host name has an address that is not public")
    return addresses
