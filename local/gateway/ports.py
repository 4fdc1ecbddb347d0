"""The listening sockets, bound before anything else starts, on the loopback interface only."""

import errno
import socket
from collections.abc import Iterable

HOST = "127.0.0.1"
BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted. A client whose connection finds no place there is
not refused: it waits a second for TCP's next attempt. Servers call `listen` again on the socket that they are
given, with a default of about 100 if they do not know this value.
"""


class PortInUse(OSError):
    """Another process already listens on ``port``."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} on {HOST} is in use; choose another one")
        self.port = port


def listen(ports: Iterable[int]) -> list[socket.socket]:
    """Return a listening socket per port (0: any free port), all or none.

    Raises:
        PortInUse: A port is in use.
    """
    bound: list[socket.socket] = []
    try:
        for port in ports:
            bound.append(_listen(port))
    except BaseException:
        for listener in bound:
            listener.close()
        raise
    return bound


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY on accepted sockets only if the protocol number is not 0.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Linux copies it to accepted sockets; a second small write would otherwise wait 40 ms for a delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except BaseException as exc:
        listener.close()
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            raise PortInUse(port) from exc
        raise
    return listener
