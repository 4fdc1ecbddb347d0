"""Lambda's Runtime API for one execution environment, over plain sockets.

There is no server thread: the thread that has an event for the environment reads the environment's next request
and responds to it. Until then, the "next" request of an idle environment waits in its socket.

Source: "Using the Lambda runtime API for custom runtimes" in the Lambda Developer Guide.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
PATH_PREFIX = "/2018-06-01/runtime"
NEXT_PATH = f"{PATH_PREFIX}/invocation/next"
INIT_ERROR = f"{PATH_PREFIX}/init/error"
_REASONS = {200: "OK", 202: "Accepted", 403: "Forbidden", 413: "Payload Too Large"}
_HEADER_END = b"\r\n\r\n"
_CHUNK = 262_144


class EnvironmentExited(Exception):
    """The process exited without another request."""


class RequestTimeout(Exception):
    """The process made no request before the deadline."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the runtime, with header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class RuntimeApi:
    """The listening socket of one environment and its runtime's persistent connection.

    `exit_pipe` is the read end of a pipe whose write end only the process holds: end of file means that it exited.
    """

    def __init__(self, exit_pipe: int) -> None:
        self._exit_pipe = exit_pipe
        self._listener = socket.create_server((HOST, 0))
        self._connection: socket.socket | None = None
        self._received = bytearray()

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API for the environment."""
        return f"{HOST}:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Close the connection and the listening socket."""
        self._disconnect()
        self._listener.close()

    def next_request(self, deadline: float) -> Request:
        """Return the next request; `deadline` is monotonic. Raises RequestTimeout or EnvironmentExited."""
        while (request := self._parse_request()) is None:
            self._receive(deadline)
        return request

    def respond(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Respond to the last request; ignored if the process has exited, which `next_request` reports."""
        fields = {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))}
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
        self._send("\r\n".join(lines).encode("latin-1") + _HEADER_END + body)

    def _receive(self, deadline: float) -> None:
        """Wait for data, a new connection or the exit of the process."""
        poll = select.poll()
        for listening in (self._listener, self._connection):
            if listening is not None:
                poll.register(listening, select.POLLIN)
        poll.register(self._exit_pipe, select.POLLIN)
        remaining = deadline - time.monotonic()
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, remaining) * 1000)}
        if not ready:
            raise RequestTimeout
        if self._connection is not None and self._connection.fileno() in ready:
            self._read(self._connection)
        elif self._listener.fileno() in ready:
            self._disconnect()
            self._connection, _ = self._listener.accept()
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif not os.read(self._exit_pipe, 1):  # checked last: the connection may still hold a final request
            raise EnvironmentExited

    def _read(self, connection: socket.socket) -> None:
        try:
            chunk = connection.recv(_CHUNK)
        except ConnectionError:
            chunk = b""
        if chunk:
            self._received += chunk
        else:
            self._disconnect()

    def _parse_request(self) -> Request | None:
        """Return the next request once it has been received completely."""
        end = self._received.find(_HEADER_END)
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        start = end + len(_HEADER_END)
        stop = start + int(headers.get("content-length", "0"))
        if len(self._received) < stop:
            if headers.get("expect", "").lower() == "100-continue" and len(self._received) == start:
                self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(self._received[start:stop])
        del self._received[:stop]
        return Request(method, path, headers, body)

    def _send(self, data: bytes) -> None:
        if self._connection is None:
            return
        try:
            self._connection.sendall(data)
        except ConnectionError:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._received.clear()
