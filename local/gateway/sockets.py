"""One WebSocket connection, based on the ``websockets`` library, with the gateway's extensions.

It reports data frames and pings to the idle timer, writes posts without waiting (a post is accepted, not
confirmed), and determines which side closed with which code.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from local.gateway.registry import Connection
from local.gateway.settings import GatewaySettings
from local.gateway.text_frames import take_text

_FIN, _TEXT, _CONTINUATION = 0x80, Opcode.TEXT.value, Opcode.CONT.value
NO_STATUS_REASON = "Client-side close frame status not set"


@dataclass(frozen=True)
class SocketHooks:
    """Callbacks to the gateway: socket created, frame received, message received, TCP connection lost."""

    settings: Callable[[], GatewaySettings]
    on_made: Callable[["GatewaySocket"], None]
    on_frame: Callable[["GatewaySocket", bool], None]
    on_text: Callable[["GatewaySocket", str], bool]
    """Takes a message at once; False if it has to wait."""
    on_lost: Callable[["GatewaySocket"], None]


class GatewaySocket(ServerConnection):
    """A server connection with the gateway's state."""

    hooks: SocketHooks

    def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
        settings = self.hooks.settings()
        options["close_timeout"] = settings.close_timeout
        protocol.max_message_size = settings.max_message_bytes
        protocol.max_fragment_size = settings.max_frame_bytes
        super().__init__(protocol, server, **options)
        self.gateway_connection: Connection | None = None
        self.chosen_subprotocol: str | None = None
        self.handshake_task: asyncio.Task[Any] | None = None
        self._server_close: tuple[int, str] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._close_timer_started = False
        self._is_awaited = False
        """Whether `next_message` waits, so that no message before the next one is on its way."""

    def connection_made(self, transport: Any) -> None:
        """Register the socket, and limit the time until its upgrade request."""
        super().connection_made(transport)
        self.hooks.on_made(self)
        timeout = self.hooks.settings().handshake_timeout
        self._timers.append(self.loop.call_later(timeout, self._abort_without_request))

    def data_received(self, data: bytes) -> None:
        """Hand whole messages on, and the rest to the library; start the close timer after a close frame."""
        if self._is_awaited:
            data = self._hand_on(data)
        if data:
            super().data_received(data)
        self._start_close_timer()
        if self._is_full() and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again, unless the library does not want to."""
        super().resume_writing()
        if not self.recv_messages.paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _hand_on(self, data: bytes) -> bytes:
        """Hand messages on that need no parser and no queue; return the bytes after them."""
        parser, start = self.protocol, 0
        longest = min(parser.max_message_size or 0, parser.max_fragment_size or 0)
        if len(self.recv_messages.frames) or parser.reader.buffer or parser.current_size is not None:
            return data  # the library has the beginning of a message, or one that is not taken yet
        while self.state is State.OPEN and self._server_close is None:
            found = take_text(data, start, longest)
            if found is None or not self.hooks.on_text(self, found[0]):
                break
            self.hooks.on_frame(self, False)
            start = found[1]
        return data[start:] if start else data

    def process_event(self, event: Event) -> None:
        """Report data frames and pings to the idle timer."""
        if isinstance(event, Frame) and event.opcode in (
            Opcode.TEXT,
            Opcode.BINARY,
            Opcode.CONT,
            Opcode.PING,
        ):
            self.hooks.on_frame(self, event.opcode is Opcode.PING)
        super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the socket, and give up its handshake: functions that have not started are not needed."""
        super().connection_lost(exc)
        if self.handshake_task is not None:
            self.handshake_task.cancel()
        self.hooks.on_lost(self)
        # Nothing may keep a socket that has ended: it has kilobytes, and full garbage collections are rare.
        while self._timers:
            self._timers.pop().cancel()
        vars(self.protocol).pop("select_subprotocol", None)  # a closure of the library with this socket
        self.protocol.parser.close()  # a generator with the protocol object
        for error in (self.protocol.handshake_exc, self.protocol.parser_exc):
            _forget_frames(error)

    def deliver(self, payload: bytes, max_frame_bytes: int) -> None:
        """Write one text message without waiting, in frames of at most ``max_frame_bytes``."""
        if self.state is not State.OPEN:
            return
        # Not by the library, which takes several times as long; it keeps no state of sent data frames.
        if len(payload) <= max_frame_bytes:
            self.transport.write(_frame_head(_TEXT | _FIN, len(payload)) + payload)
            return
        opcode = _TEXT
        for start in range(0, len(payload), max_frame_bytes):
            chunk = payload[start : start + max_frame_bytes]
            final = _FIN if start + max_frame_bytes >= len(payload) else 0
            self.transport.write(_frame_head(opcode | final, len(chunk)) + chunk)
            opcode = _CONTINUATION

    def buffered_bytes(self) -> int:
        """Return the bytes that the operating system has not accepted yet."""
        return self.transport.get_write_buffer_size()

    def is_open(self) -> bool:
        """Return whether a message can be written."""
        return self.state is State.OPEN

    def is_server_closing(self) -> bool:
        """Return whether the gateway has started to close; later messages are ignored."""
        return self._server_close is not None

    def start_closing(self, code: int, reason: str) -> None:
        """Send a close frame; abort the TCP connection if the client does not respond in time."""
        if self._server_close is not None or self.state is not State.OPEN:
            return
        self._server_close = (code, reason)
        self.protocol.send_close(code, reason)
        self.send_data()
        self._start_close_timer()

    def abort(self) -> None:
        """Abort the TCP connection."""
        self.transport.abort()

    def was_accepted(self) -> bool:
        """Return whether the client received its 101."""
        return self.response is not None and self.response.status_code == 101

    def ended_without_close_frame(self) -> bool:
        """Return whether the connection ended without a close frame in either direction."""
        return self.protocol.close_rcvd is None and self.protocol.close_sent is None

    def close_code_and_reason(self) -> tuple[int, str]:
        """Return the code and reason for the ``$disconnect`` event."""
        if self._server_close is not None:
            return self._server_close
        sent, received = self.protocol.close_sent, self.protocol.close_rcvd
        if received is not None:
            if received.code == CloseCode.NO_STATUS_RCVD:
                return received.code, NO_STATUS_REASON
            return received.code, received.reason
        if sent is not None:  # closed by the library: message too big, not UTF-8, protocol error
            return sent.code, sent.reason
        return CloseCode.ABNORMAL_CLOSURE, ""

    async def next_message(self) -> str | bytes | None:
        """Return the next message, or None after the end of the connection."""
        self._is_awaited = True
        try:
            return await self.recv()
        except ConnectionClosed:
            return None
        finally:
            self._is_awaited = False

    def _is_full(self) -> bool:
        """Return whether so much waits for the client that it gets no answer to further messages and pings.

        If it does, `resume_writing` is called when the client has read.
        """
        return self.paused and self.buffered_bytes() > self.hooks.settings().send_buffer_bytes

    def _start_close_timer(self) -> None:
        if self.protocol.close_expected() and not self._close_timer_started:
            self._close_timer_started = True
            self._timers.append(self.loop.call_later(self.close_timeout or 0.0, self.abort))

    def _abort_without_request(self) -> None:
        if self.request is None and self.state is not State.CLOSED:
            self.transport.abort()


def _forget_frames(error: BaseException | None) -> None:
    """Drop the frames of an error and its causes: their variables refer to the object that keeps the error."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _frame_head(first_byte: int, length: int) -> bytes:
    """Return the head of an unmasked frame (RFC 6455, section 5.2)."""
    if length < 126:
        return bytes((first_byte, length))
    if length < 65_536:
        return bytes((first_byte, 126)) + length.to_bytes(2, "big")
    return bytes((first_byte, 127)) + length.to_bytes(8, "big")


def socket_class(hooks: SocketHooks) -> type[GatewaySocket]:
    """Return a subclass bound to one gateway's hooks: the library creates the instances."""
    return type("BoundGatewaySocket", (GatewaySocket,), {"hooks": hooks})
