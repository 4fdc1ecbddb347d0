"""One POST on a new connection, with a time limit for all of it.

The client of `chalicelib/awshttp` talks to peers that are trusted: it keeps connections and answers, and follows
names to any address. Here the peer is hostile: the connection goes to a checked address, each wait is limited by
the rest of the attempt, and of the answer only the head is parsed.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.model.webhook_url import WebhookUrl
from chalicelib.webhooks.errors import AttemptFailed
from chalicelib.webhooks.resolving import Address

MAX_ANSWER = 16 * 1024
"""The bytes of an answer that are read at most."""
MAX_REST_SECONDS = 1.0
"""For how long the body of an answer is read: it has no meaning, but closing early resets the connection."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?")
_RECEIVE_SIZE = 4096


class Answer(NamedTuple):
    """The part of an answer that matters."""

    status: int
    retry_after: str | None
    """The value of `Retry-After`."""


class Deadline:
    """The end of an attempt."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError if there are none."""
        left = self._at - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def post(
    url: WebhookUrl,
    addresses: Sequence[Address],
    headers: Mapping[str, str],
    body: bytes,
    context: ssl.SSLContext,
    deadline: Deadline,
    clock: Clock,
) -> Answer:
    """Send a request to one of the addresses and return the answer. Raises AttemptFailed, OSError."""
    connection = _connect(addresses, deadline)
    try:
        if url.is_tls:
            connection.settimeout(deadline.left())
            # Verifies that the peer has a certificate for the name.
            connection = context.wrap_socket(connection, server_hostname=url.host)
        fields = {"Host": url.host_header, **headers, "Content-Length": str(len(body)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        _send(connection, f"POST {url.target} HTTP/1.1\r\n{head}\r\n".encode() + body, deadline)
        answer, received = _read_head(connection, deadline)
        _read_rest(connection, received, clock, deadline)
        return answer
    finally:
        connection.close()


def _connect(addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    """Return a connection to the first address that takes one. Each has an equal part of the time left."""
    error: OSError = ConnectionError()
    for number, (family, sockaddr) in enumerate(addresses):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left() / (len(addresses) - number))
            connection.connect(sockaddr)
        except OSError as failure:
            connection.close()
            error = failure
        else:
            return connection
    raise error


def _send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    unsent = memoryview(data)
    while unsent:
        connection.settimeout(deadline.left())
        unsent = unsent[connection.send(unsent) :]


def _read_head(connection: socket.socket, deadline: Deadline) -> tuple[Answer, int]:
    """Return the answer, and how many bytes of it were read. Raises AttemptFailed, OSError."""
    received = b""
    skipped = 0
    while True:
        head, separator, rest = received.partition(b"\r\n\r\n")
        if separator:
            answer = _parse(head)
            if answer.status >= 200:
                return answer, skipped + len(received)
            # An interim response precedes the final one (RFC 9110 section 15.2).
            skipped += len(received) - len(rest)
            received = rest
            continue
        if skipped + len(received) >= MAX_ANSWER:
            raise AttemptFailed("the head of the answer is too large")
        connection.settimeout(deadline.left())
        data = connection.recv(_RECEIVE_SIZE)
        if not data:
            raise AttemptFailed("the connection ended before the answer")
        received += data


def _parse(head: bytes) -> Answer:
    first, *lines = head.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise AttemptFailed("the answer is not HTTP")
    retry_after = None
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"retry-after":
            retry_after = value.strip().decode("ascii", "replace")
    return Answer(int(match[1]), retry_after)


def _read_rest(connection: socket.socket, received: int, clock: Clock, deadline: Deadline) -> None:
    """Read the body up to the cap and for a short time. Whatever happens, the head has decided."""
    with contextlib.suppress(OSError):
        rest = Deadline(clock, min(MAX_REST_SECONDS, deadline.left()))
        while received < MAX_ANSWER:
            connection.settimeout(rest.left())
            data = connection.recv(min(_RECEIVE_SIZE, MAX_ANSWER - received))
            if not data:
                return
            received += len(data)
