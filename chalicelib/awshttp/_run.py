"""One run of a multiplexer: an event loop over non-blocking connections.

The law: every transfer either completes, or stops at the deadline. The loop waits for any connection and none of
them waits for another, so one that fails or is slow affects its own transfer only.
"""

from __future__ import annotations

import contextlib
import heapq
import select
import ssl
from collections import deque
from typing import NamedTuple

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._connection import WOULD_BLOCK, Connection
from chalicelib.awshttp._errors import ProtocolError
from chalicelib.awshttp._http11 import Response
from chalicelib.awshttp._pool import ConnectionGroup, ConnectionPool
from chalicelib.awshttp._state import ConnectionState
from chalicelib.awshttp._transfer import Transfer

EXPIRY_INTERVAL = 0.05
"""How often connections are checked for timeouts, in seconds."""
_IN, _OUT = select.POLLIN, select.POLLOUT
_CONNECTING = ConnectionState.CONNECTING
_IDLE = ConnectionState.IDLE
_SENDING = ConnectionState.SENDING
_RECEIVING = ConnectionState.RECEIVING


class Limits(NamedTuple):
    """The limits of a run: requests in flight, and the timeouts of each in seconds."""

    max_concurrency: int
    connect_timeout: float
    read_timeout: float


class Run:
    """The state of one run."""

    def __init__(self, pool: ConnectionPool, clock: Clock, limits: Limits, deadline: float) -> None:
        self._pool = pool
        self._monotonic = clock.monotonic
        self._max_concurrency, self._connect_timeout, self._read_timeout = limits
        self._deadline = deadline
        self._loop_time = 0.0
        """When the current pass of the loop began."""
        self._started_at = clock.now()
        self._group: ConnectionGroup
        self._active = 0
        """How many connections have something in flight."""
        self._runnable: deque[Transfer] = deque()
        self._delayed: list[tuple[float, int, Transfer]] = []
        """A heap of transfers that wait, by the time when they become runnable, and a number that breaks ties."""
        self._delays = 0

    def run(self, transfers: deque[Transfer]) -> None:
        """Run transfers until all are complete, or until the deadline."""
        self._runnable = transfers
        self._group = self._pool.acquire(min(len(transfers), self._max_concurrency))
        try:
            self._group.remove_ended()
            self._loop()
        finally:
            self._pool.release(self._group)

    # ---- the loop --------------------------------------------------------------------------------------

    def _loop(self) -> None:
        runnable, delayed = self._runnable, self._delayed
        poll, connections = self._group.poller.poll, self._group.connections
        timeout_scale, max_concurrency = self._group.timeout_scale, self._max_concurrency
        next_expiry = min(self._monotonic() + EXPIRY_INTERVAL, self._deadline)
        while True:
            now = self._loop_time = self._monotonic()
            if now >= next_expiry:
                if now >= self._deadline:
                    return
                next_expiry = min(now + EXPIRY_INTERVAL, self._deadline)
                self._expire(now)
            while delayed and delayed[0][0] <= now:
                runnable.append(heapq.heappop(delayed)[2])
            while runnable and self._active < max_concurrency:
                self._start(runnable.popleft())
            if not self._active and not runnable and not delayed:
                return
            wake_at = min(next_expiry, delayed[0][0]) if delayed else next_expiry
            for fd, _ in poll((wake_at - now) * timeout_scale):
                connection = connections.get(fd)
                if connection is not None:
                    self._on_ready(connection)

    def _expire(self, now: float) -> None:
        """Fail the connections that have timed out."""
        connections = self._group.connections.values()
        expired = [each for each in connections if each.state is not _IDLE and each.expires_at <= now]
        for connection in expired:
            self._rotate_unreachable_address(connection)
            if connection.is_reused and connection.idle_since < self._started_at:
                self._group.close_idle_since(self._started_at)  # a freeze may have ended all that were kept
            self._fail(connection)

    def _start(self, transfer: Transfer) -> None:
        """Send the next request of a transfer, on an idle connection or on a new one."""
        if self._group.idle:
            connection = self._group.idle.pop()
            connection.transfer = transfer
            self._active += 1
            self._send(connection)
            return
        try:
            connection = self._connect()
        except OSError:
            # The host has no address, or the process has no file descriptor left.
            self._pool.resolver.rotate()
            self._notify(transfer, None, safe_to_retry=False)
            return
        connection.transfer = transfer
        connection.expires_at = self._loop_time + self._connect_timeout
        self._active += 1
        self._on_ready(connection)

    def _notify(self, transfer: Transfer, response: Response | None, *, safe_to_retry: bool) -> None:
        """Hand a response to its transfer, and schedule the next request."""
        delay = transfer.on_response(response, safe_to_retry=safe_to_retry)
        if delay is None:
            return
        if delay <= 0:
            self._runnable.append(transfer)
        else:
            self._delays += 1
            heapq.heappush(self._delayed, (self._monotonic() + delay, self._delays, transfer))

    # ---- steps of a connection -------------------------------------------------------------------------

    def _on_ready(self, connection: Connection) -> None:
        """Take the next step on a connection that is readable or writable."""
        state = connection.state
        try:
            if state is _RECEIVING:
                response = connection.receive()
            elif state is _IDLE:
                self._group.remove_if_ended(connection)
                return
            elif state is _SENDING:
                self._send_rest(connection)
                response = connection.receive()
            else:
                response = None
                self._open(connection)
        except WOULD_BLOCK:
            return
        except (OSError, ProtocolError) as error:
            self._on_error(connection, error)
            return
        if response is not None:
            self._finish(connection, response)
        elif connection.state is _IDLE:
            self._send(connection)

    def _open(self, connection: Connection) -> None:
        """Go on with connecting and the TLS handshake: the state becomes IDLE when they are complete."""
        if connection.state is _CONNECTING:
            if not connection.is_connected():
                return
            if self._pool.origin.is_tls:
                connection.start_tls(self._pool.tls.context(), self._pool.origin.host)
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            # A socket that is polled for writability would wake the loop all the time.
            self._group.poller.modify(connection.fd, _IN)
            return
        connection.move_to(_IDLE)
        self._group.poller.modify(connection.fd, _IN)

    def _send(self, connection: Connection) -> None:
        """Send the next request of the connection's transfer."""
        connection.expires_at = self._loop_time + self._read_timeout
        request = connection.transfer.next_request()
        if not request:
            self._keep(connection)
            return
        try:
            connection.send(request)
        except OSError:
            self._fail(connection)
            return
        if connection.state is _SENDING:
            self._group.poller.modify(connection.fd, _IN | _OUT)

    def _send_rest(self, connection: Connection) -> None:
        # A peer that rejects a request may answer before it was sent completely, and close (RFC 9112 section 9.3).
        with contextlib.suppress(OSError):
            connection.send_rest()
            self._group.poller.modify(connection.fd, _IN)

    def _finish(self, connection: Connection, response: Response) -> None:
        """Keep or close the connection after a response, and hand the response to the transfer."""
        transfer = connection.transfer
        if response.keep_alive and connection.state is _RECEIVING:
            connection.make_idle()
            self._keep(connection)
        else:
            self._drop(connection)
        self._notify(transfer, response, safe_to_retry=False)

    def _on_error(self, connection: Connection, error: Exception) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            if self._pool.tls.use_full_store():
                transfer = connection.transfer
                self._drop(connection)
                self._runnable.append(transfer)
                return
        else:
            self._rotate_unreachable_address(connection)
        self._fail(connection)

    def _fail(self, connection: Connection) -> None:
        """Close a connection that will receive no response, and notify its transfer."""
        transfer = connection.transfer
        safe_to_retry = (
            connection.is_reused and not connection.response_started and self._monotonic() < connection.expires_at
        )
        self._drop(connection)
        self._notify(transfer, None, safe_to_retry=safe_to_retry)

    # ---- the connections of this run -------------------------------------------------------------------

    def _connect(self) -> Connection:
        """Begin to connect. Raises OSError."""
        timeout = min(self._connect_timeout, self._deadline - self._monotonic())
        return self._group.open(self._pool.resolver.address(timeout), _IN | _OUT)

    def _rotate_unreachable_address(self, connection: Connection) -> None:
        """Try another address next time, if this one could not be connected to."""
        if not connection.is_open:
            self._pool.resolver.rotate()

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = self._started_at
        self._active -= 1
        self._group.idle.append(connection)

    def _drop(self, connection: Connection) -> None:
        self._active -= 1
        self._group.remove(connection)
