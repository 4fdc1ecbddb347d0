"""HTTP connections: requests to ``@connections`` are answered here, all others by a general server.

Every connection starts here. As long as its requests are simple ones to the callback API, they are parsed and
answered without tasks and waits, at a third of the cost of the general server: a fan-out sends thousands of them.
At the first other request the connection is handed over, with the bytes received so far, and stays there.
"""

import asyncio
import email.utils
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, cast

from local.gateway.http_head import MAX_HEAD, Head, Unsupported, parse_head
from local.gateway.management_api import ManagementApi, Reply
from local.gateway.runtime import Runtime

_HEAD_END = b"\r\n\r\n"
_MAX_BUFFERED = 262_144


class ManagementConnections:
    """The connections that have not been handed over; one object per gateway."""

    def __init__(
        self, management: ManagementApi, runtime: Runtime, general: Callable[[], asyncio.Protocol]
    ) -> None:
        """`general` makes the protocol object to which a connection is handed over."""
        self.management = management
        self.runtime = runtime
        self.general = general
        self.receive_buffer = memoryview(bytearray(65_536))  # one for all: it is copied before the next read
        self.open: set[ManagementProtocol] = set()
        self._second = 0
        self._date = b""
        self._encoded: dict[Reply, bytes] = {}

    def make_protocol(self) -> asyncio.BaseProtocol:
        """Make the protocol object of a TCP connection."""
        return ManagementProtocol(self)

    async def close(self, seconds: float) -> None:
        """Close idle connections at once, and busy ones after their answer or after so many seconds."""
        running = {protocol.task for protocol in self.open if protocol.task is not None}
        if running:
            await asyncio.wait(running, timeout=seconds)
        for protocol in list(self.open):
            protocol.close()

    def encode(self, reply: Reply) -> bytes:
        """Return a response as bytes."""
        now = int(time.time())
        if self._second != now:
            self._second, self._date = now, email.utils.formatdate(now, usegmt=True).encode()
            self._encoded.clear()
        encoded = self._encoded.get(reply)
        if encoded is None:
            encoded = b"%b\r\nDate: %b%b" % (_status_line(reply.status), self._date, reply.wire)
            self._encoded[reply] = encoded
        return encoded


class ManagementProtocol(asyncio.BufferedProtocol):
    """One TCP connection. Answers are sent in the order of the requests, one request at a time."""

    def __init__(self, connections: ManagementConnections) -> None:
        self._connections = connections
        self._transport: asyncio.Transport
        self._received = b""
        self._writing_paused = False
        self._reading_paused = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        """The task of a request whose answer has to wait."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection; a waiting answer is not needed any more."""
        self._forget()
        if self.task is not None:
            self.task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next read."""
        return self._connections.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take the bytes of a read."""
        data = bytes(self._connections.receive_buffer[:nbytes])
        self._received = self._received + data if self._received else data
        self._proceed()

    def eof_received(self) -> bool:
        """Keep the connection until a waiting answer has been sent."""
        self._ended = True
        return self.task is not None

    def pause_writing(self) -> None:
        """Answer no more requests until the client has read the answers."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Continue."""
        self._writing_paused = False
        self._proceed()

    def close(self) -> None:
        """Close the connection."""
        self._forget()
        self._transport.close()

    def _forget(self) -> None:
        self._connections.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _proceed(self) -> None:
        """Answer the requests that have been received completely."""
        while self._received and self.task is None and not self._writing_paused:
            end = self._received.find(_HEAD_END)
            if end < 0 and len(self._received) <= MAX_HEAD:
                break
            try:
                if not self._serve(parse_head(self._received[: max(end, 0)]), end + len(_HEAD_END)):
                    break
            except Unsupported:
                self._hand_over()
                return
        if self._ended and self.task is None:
            self._transport.close()
        else:
            self._limit_waiting()

    def _serve(self, head: Head, body_start: int) -> bool:
        """Answer a request if its body is complete; return whether it is. Raises Unsupported."""
        connections = self._connections
        connection_id = connections.management.connection_id(head.target)
        if connection_id is None or head.content_length > connections.runtime.settings.max_message_bytes:
            raise Unsupported
        end = body_start + head.content_length
        if len(self._received) < end:
            return False
        body = self._received[body_start:end]
        self._received = self._received[end:]
        started = connections.runtime.clock.monotonic()
        answer = connections.management.respond(head.method, connection_id, head.authorization, body)
        if isinstance(answer, Reply):
            self._send(answer, head, started)
        else:
            self.task = asyncio.get_running_loop().create_task(self._send_later(answer, head, started))
        return True

    async def _send_later(self, answer: Coroutine[Any, Any, Reply], head: Head, started: float) -> None:
        reply = await answer
        self.task = None
        self._send(reply, head, started)
        self._proceed()

    def _send(self, reply: Reply, head: Head, started: float) -> None:
        self._transport.write(self._connections.encode(reply))
        path = head.target.partition("?")[0]
        self._connections.runtime.record("management", head.method, path, reply.status, started)

    def _hand_over(self) -> None:
        """Let the general server handle the received bytes and all that follow."""
        self._forget()
        if self._ended:  # after a delayed answer: the client sends nothing more, and may not even read
            self._transport.close()
            return
        if self._reading_paused:
            self._transport.resume_reading()
        protocol = self._connections.general()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)

    def _limit_waiting(self) -> None:
        """Stop reading while enough is buffered, and give up on a client that does not complete its request."""
        if not (self._received or self._reading_paused or self._timer):
            return
        full = len(self._received) > _MAX_BUFFERED
        if full != self._reading_paused:
            self._reading_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
        is_incomplete = bool(self._received) and self.task is None and not self._writing_paused
        if is_incomplete and self._timer is None:
            seconds = self._connections.runtime.settings.handshake_timeout
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)
        elif not is_incomplete and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _status_line(status: int) -> bytes:
    line = _STATUS_LINES.get(status)
    if line is None:
        line = _STATUS_LINES[status] = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
    return line


_STATUS_LINES: dict[int, bytes] = {}
