"""Many requests to one endpoint at the same time, on one thread: each connection waits, and nobody waits for it.

One pass of the loop takes whatever has come in, hands answers to their tasks, and lets the next task have the
connection. Nothing here knows what is asked or what an answer means.
"""

from __future__ import annotations

import heapq
import select
import socket
import ssl
from collections import deque
from collections.abc import Iterable

from chalicelib.awshttp._http11 import ProtocolError, Response, ResponseParser
from chalicelib.awshttp._pool import Connection, ConnectionGroup, ConnectionPool
from chalicelib.awshttp._transfer import Preconnect, Transfer
from chalicelib.core.kernel.clock import Clock

CHUNK = 64 * 1024
_TICK = 0.05
"""How often connections are looked over for those that take too long, in seconds."""
_IN, _OUT = select.POLLIN, select.POLLOUT
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Multiplexer:
    """Carries out tasks over the connections of a pool."""

    def __init__(self, pool: ConnectionPool, clock: Clock, *, at_once: int, connect: float, read: float) -> None:
        """At most `at_once` requests at a time; `connect` and `read` limit each, in seconds."""
        self._pool = pool
        self._clock = clock
        self._at_once = at_once
        self._connect = connect
        self._read = read

    def run(self, tasks: Iterable[Transfer], deadline: float) -> None:
        """Carry them out, or as much of it as can be done until `deadline` (monotonic)."""
        waiting = deque(tasks)
        if waiting:
            _Run(self._pool, self._clock, (self._at_once, self._connect, self._read), deadline).run(waiting)

    def preconnect(self, deadline: float) -> None:
        """Have a connection in the pool, so that the next request need not wait for one; if that can be done."""
        self.run([Preconnect()], deadline)


class _Run:
    """One call of `Exchange.run`."""

    def __init__(
        self, pool: ConnectionPool, clock: Clock, limits: tuple[int, float, float], deadline: float
    ) -> None:
        self._pool = pool
        self._is_tls = pool.endpoint.is_tls
        self._now = clock.monotonic
        self._pass = 0.0
        """When this pass of the loop began."""
        self._at_once, self._connect, self._read = limits
        self._deadline = deadline
        self._nest: ConnectionGroup
        self._idle_since = clock.now()
        self._busy = 0
        self._ready: deque[Transfer] = deque()
        self._later: list[tuple[float, int, Transfer]] = []
        self._number = 0

    def run(self, tasks: deque[Transfer]) -> None:
        self._ready = tasks
        self._nest = self._pool.acquire(min(len(tasks), self._at_once))
        try:
            # Of a kept connection that can be read from, the peer has closed its end.
            for fd, _ in self._nest.poller.poll(0):
                self._on_idle_readable(self._nest.everyone[fd])
            self._loop()
        finally:
            self._pool.release(self._nest)

    def _loop(self) -> None:
        nest, ready, later = self._nest, self._ready, self._later
        poll, everyone, units = nest.poller.poll, nest.everyone, nest.units
        look_over = min(self._now() + _TICK, self._deadline)
        while True:
            now = self._pass = self._now()
            if now >= look_over:
                if now >= self._deadline:
                    return
                look_over = min(now + _TICK, self._deadline)
                self._expire(now)
            while later and later[0][0] <= now:
                ready.append(heapq.heappop(later)[2])
            while ready and self._busy < self._at_once:
                self._start(ready.popleft())
            if not self._busy and not ready and not later:
                return
            wake = min(look_over, later[0][0]) if later else look_over
            for fd, _ in poll((wake - now) * units):
                connection = everyone.get(fd)
                if connection is None:
                    continue
                if connection.task is None:
                    self._on_idle_readable(connection)
                else:
                    self._advance(connection)

    def _expire(self, now: float) -> None:
        overdue = [each for each in self._nest.everyone.values() if each.task is not None and each.expires <= now]
        for each in overdue:
            self._mark_unreachable(each)
            self._fail(each)

    # ---- a request -------------------------------------------------------------------------------------

    def _start(self, task: Transfer) -> None:
        if self._nest.free:
            connection = self._nest.free.pop()
            connection.task = task
            self._busy += 1
            self._send(connection)
            return
        try:
            connection = self._dial()
        except OSError:
            # No address, or no file descriptor.
            self._pool.rotate_address()
            self._notify(task, None, safe_to_retry=False)
            return
        connection.task = task
        connection.expires = self._pass + self._connect
        self._busy += 1
        self._advance(connection)

    def _dial(self) -> Connection:
        family, address = self._pool.address(min(self._connect, self._deadline - self._now()))
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect_ex(address)
            connection = Connection(sock)
            self._nest.add(connection, _IN | _OUT)
        except OSError:
            sock.close()
            raise
        return connection

    def _send(self, connection: Connection) -> None:
        """Send the task's next request, on a connection that is ready."""
        connection.expires = self._pass + self._read
        request = connection.task.next_request()
        if not request:
            self._make_idle(connection)
            return
        try:
            sent = connection.sock.send(request)
        except _WOULD_BLOCK:
            sent = 0
        except OSError:
            self._fail(connection)
            return
        if sent < len(request):
            connection.unsent = memoryview(request)[sent:]
            self._nest.poller.modify(connection.fd, _IN | _OUT)

    def _advance(self, connection: Connection) -> None:
        """Do whatever comes next on a connection that something happened on."""
        try:
            if not connection.is_ready and not self._become_ready(connection):
                return
            if connection.unsent:
                self._send_rest(connection)
            self._receive(connection)
        except _WOULD_BLOCK:
            return
        except ssl.SSLCertVerificationError:
            if self._pool.trust.use_full_store():
                task = connection.task
                self._drop(connection)
                self._ready.append(task)
            else:
                self._fail(connection)
        except (OSError, ProtocolError):
            self._mark_unreachable(connection)
            self._fail(connection)

    def _mark_unreachable(self, connection: Connection) -> None:
        """If that was an address that could not be connected to, it is another one's turn."""
        if not connection.is_ready:
            self._pool.rotate_address()

    def _become_ready(self, connection: Connection) -> bool:
        """Whether a new connection can be used: connected and, over TLS, the peer verified."""
        if not connection.is_secured:
            problem = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if problem:
                raise OSError(problem, "the peer cannot be connected to")
            try:
                connection.sock.getpeername()
            except OSError:
                return False
            if self._is_tls:
                # Takes over the file descriptor, which stays as it is registered.
                connection.sock = self._pool.trust.context().wrap_socket(
                    connection.sock,
                    server_hostname=self._pool.endpoint.host,
                    do_handshake_on_connect=False,
                    suppress_ragged_eofs=False,
                )
            connection.is_secured = True
        if isinstance(connection.sock, ssl.SSLSocket):
            try:
                connection.sock.do_handshake()
            except ssl.SSLWantReadError:
                # Waiting to be able to write would wake up at once, again and again.
                self._nest.poller.modify(connection.fd, _IN)
                return False
        connection.is_ready = True
        self._nest.poller.modify(connection.fd, _IN)
        self._send(connection)
        return False

    def _send_rest(self, connection: Connection) -> None:
        try:
            while connection.unsent:
                connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
        except _WOULD_BLOCK:
            return
        except OSError:
            # Who refuses a request may answer before it was sent to its end, and close (RFC 9112, 9.3).
            return
        self._nest.poller.modify(connection.fd, _IN)

    def _receive(self, connection: Connection) -> None:
        sock, reader = connection.sock, connection.reader
        while True:
            data = sock.recv(CHUNK)
            answer = reader.feed(data) if data else reader.eof()
            if answer is not None:
                self._finish(connection, answer)
                return
            if not data:
                raise ConnectionResetError("the peer has closed in the middle of an answer")
            if not self._is_tls and len(data) < CHUNK:
                return

    def _finish(self, connection: Connection, answer: Response) -> None:
        task = connection.task
        if answer.keep_alive and not connection.unsent:
            connection.used = True
            connection.reader = ResponseParser()
            self._make_idle(connection)
        else:
            self._drop(connection)
        self._notify(task, answer, safe_to_retry=False)

    def _make_idle(self, connection: Connection) -> None:
        """Nothing is under way on it any more."""
        connection.task = None
        connection.idle_since = self._idle_since
        self._busy -= 1
        self._nest.free.append(connection)

    def _fail(self, connection: Connection) -> None:
        """There will be no answer on this connection."""
        task = connection.task
        safe_to_retry = connection.used and not connection.reader.begun and self._now() < connection.expires
        self._drop(connection)
        self._notify(task, None, safe_to_retry=safe_to_retry)

    def _notify(self, task: Transfer, answer: Response | None, *, safe_to_retry: bool) -> None:
        pause = task.on_response(answer, safe_to_retry=safe_to_retry)
        if pause is None:
            return
        if pause <= 0:
            self._ready.append(task)
        else:
            self._number += 1
            heapq.heappush(self._later, (self._now() + pause, self._number, task))

    # ---- connections -----------------------------------------------------------------------------------

    def _on_idle_readable(self, connection: Connection) -> None:
        """Something came in that nobody asked for: the end of the connection, or a ticket of TLS."""
        try:
            connection.sock.recv(CHUNK)
        except _WOULD_BLOCK:
            # TLS 1.3 sends tickets for later sessions whenever it likes (RFC 8446, 4.6.1).
            return
        except OSError:
            pass
        self._nest.free.remove(connection)
        self._nest.remove(connection)

    def _drop(self, connection: Connection) -> None:
        self._busy -= 1
        self._nest.remove(connection)
