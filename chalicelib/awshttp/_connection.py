"""One connection: a non-blocking socket, its state, and the response that it receives.

All methods return or raise at once. Those that read or write raise an error of `WOULD_BLOCK` if the socket is not
ready, another `OSError` if the connection failed, and `ProtocolError` if the peer does not speak HTTP/1.1.
"""

from __future__ import annotations

import socket
import ssl

from chalicelib.awshttp._http11 import Response, ResponseParser
from chalicelib.awshttp._origin import Address
from chalicelib.awshttp._state import TRANSITIONS, ConnectionState, IllegalTransition
from chalicelib.awshttp._transfer import Preconnect, Transfer

RECEIVE_SIZE = 64 * 1024
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_NO_TRANSFER = Preconnect()
# Names of this module: to read a member of an enumeration takes as long as a call.
_CONNECTING = ConnectionState.CONNECTING
_TLS_HANDSHAKE = ConnectionState.TLS_HANDSHAKE
_IDLE = ConnectionState.IDLE
_SENDING = ConnectionState.SENDING
_RECEIVING = ConnectionState.RECEIVING


class Connection:
    """A connection, and the transfer whose request it carries.

    Belongs to one run of a multiplexer, or to the pool.
    """

    __slots__ = (
        "_is_tls", "_parser", "_sock", "_unsent",
        "expires_at", "fd", "idle_since", "is_reused", "state", "transfer",
    )  # fmt: skip

    def __init__(self, address: Address) -> None:
        """Begin to connect. Raises OSError."""
        family, sockaddr = address
        self._sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.connect_ex(sockaddr)
        except OSError:
            self._sock.close()
            raise
        self._is_tls = False
        self._parser = ResponseParser()
        self._unsent = memoryview(b"")
        self.fd = self._sock.fileno()
        """The file descriptor, which stays the same when TLS begins."""
        self.state = _CONNECTING
        self.transfer: Transfer = _NO_TRANSFER
        self.expires_at = 0.0
        """When the current step times out, by the monotonic clock; meaningless while idle."""
        self.idle_since = 0.0
        """By the wall clock."""
        self.is_reused = False
        """Whether an earlier request was answered on it."""

    def move_to(self, state: ConnectionState) -> None:
        """Change the state. Raises IllegalTransition."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"a connection cannot change from {self.state} to {state}")
        self.state = state

    @property
    def is_open(self) -> bool:
        """Whether the connection, and over TLS the handshake, was completed."""
        return self.state not in (_CONNECTING, _TLS_HANDSHAKE)

    @property
    def response_started(self) -> bool:
        """Whether any byte of the response was received."""
        return self._parser.started

    # ---- opening ---------------------------------------------------------------------------------------

    def is_connected(self) -> bool:
        """Return whether `connect` is complete. Raises OSError if it failed."""
        error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "the connection cannot be made")
        try:
            self._sock.getpeername()
        except OSError:
            return False
        return True

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS with a server that must be able to prove that it is `host`."""
        self.move_to(_TLS_HANDSHAKE)
        # Takes over the file descriptor.
        self._sock = context.wrap_socket(
            self._sock, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        self._is_tls = True

    def do_handshake(self) -> None:
        """Go on with the TLS handshake. Raises ssl.SSLCertVerificationError if the peer is not the host."""
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock.do_handshake()

    # ---- a request and its response --------------------------------------------------------------------

    def send(self, request: bytes) -> None:
        """Send as much of a request as the socket takes: the state becomes RECEIVING if that is all of it.

        Raises OSError; never one of `WOULD_BLOCK`.
        """
        self.move_to(_SENDING)
        try:
            sent = self._sock.send(request)
        except WOULD_BLOCK:
            sent = 0
        if sent == len(request):
            # Checked above: from SENDING it is legal.
            self.state = _RECEIVING
        else:
            self._unsent = memoryview(request)[sent:]

    def send_rest(self) -> None:
        """Send more of a request: the state becomes RECEIVING at its end."""
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        self.move_to(_RECEIVING)

    def receive(self) -> Response | None:
        """Read what arrived; return the response when it is complete. Raises OSError, ProtocolError."""
        while True:
            data = self._sock.recv(RECEIVE_SIZE)
            response = self._parser.feed(data) if data else self._parser.eof()
            if response is not None:
                return response
            if not data:
                raise ConnectionResetError("the peer closed the connection before the end of the response")
            # TLS may hold more than a call returns, and no poller knows of it.
            if not self._is_tls and len(data) < RECEIVE_SIZE:
                return None

    def make_idle(self) -> None:
        """Prepare for the next request, after a complete response. Raises IllegalTransition."""
        self.move_to(_IDLE)
        self._parser = ResponseParser()
        self.transfer = _NO_TRANSFER
        self.is_reused = True

    def has_ended(self) -> bool:
        """Return whether the peer closed the connection while it was idle, or broke the protocol on it."""
        try:
            self._sock.recv(RECEIVE_SIZE)
        except WOULD_BLOCK:
            # TLS 1.3 servers send session tickets at any time (RFC 8446 section 4.6.1).
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close it. Raises IllegalTransition if it is closed."""
        self.move_to(ConnectionState.CLOSED)
        self._sock.close()
