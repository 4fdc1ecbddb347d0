"""Helpers of the gateway tests: fake functions, a manual clock, and simple clients."""

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from local.gateway.clock import Clock
from local.gateway.ids import Ids

DEADLINE = 30.0
"""Seconds for anything to happen on a busy machine."""
T = TypeVar("T")
Event = dict[str, Any]
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


def wait_until(condition: Callable[[], object], description: str = "the condition") -> None:
    """Wait until ``condition`` holds; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{description} did not occur within {DEADLINE} s")
        time.sleep(0.002)


def unless_throttled(send: Callable[[], T], throttled: object) -> T:
    """Return the first answer other than ``throttled``.

    A busy machine may start no function within a short time limit: then the invocation is withdrawn and throttled.
    """
    deadline = time.monotonic() + DEADLINE
    while (answer := send()) == throttled:
        assert time.monotonic() < deadline, f"no function was started in time within {DEADLINE} s"
    return answer


class FakeFunction:
    """A Lambda handler that records its events and returns, raises or calls its ``answer``."""

    def __init__(self, answer: Any = None) -> None:
        self.events: list[Event] = []
        self.contexts: list[Any] = []
        self._answer = {"statusCode": 200} if answer is None else answer

    def __call__(self, event: Event, context: Any) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        answer = self._answer
        if callable(answer):
            return answer(event)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def wait_for(self, count: int) -> list[Event]:
        """Wait for ``count`` events and return all."""
        wait_until(lambda: len(self.events) >= count, f"{count} events")
        return self.events

    def bodies(self) -> list[str]:
        """Return the bodies of the events so far."""
        return [event["body"] for event in self.events]


class ManualClock(Clock):
    """A clock that only ``advance`` moves."""

    START = 1731332746.123

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self.START + self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        awake: asyncio.Future[None] = loop.create_future()
        with self._lock:
            sleeper = (self._now + seconds, loop, awake)
            self._sleepers.append(sleeper)
        try:
            await awake
        finally:
            with self._lock:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)

    def sleepers(self, within: float = float("inf")) -> int:
        """Return the number of waits that end within so many seconds."""
        with self._lock:
            return sum(due <= self._now + within for due, _, _ in self._sleepers)

    def advance_to_next(self) -> None:
        """Advance to the end of the next wait."""
        with self._lock:
            moment = min(due for due, _, _ in self._sleepers)
        self._move_to(moment)

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        self._move_to(self._now + seconds)

    def _move_to(self, moment: float) -> None:
        with self._lock:
            self._now = moment
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= moment]
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > moment]
        for _, loop, awake in due:
            loop.call_soon_threadsafe(_wake, awake)


def _wake(awake: "asyncio.Future[None]") -> None:
    if not awake.done():
        awake.set_result(None)


class CountedIds(Ids):
    """Predictable ids: 000000000000001=, 000000000000002= and so on."""

    def __init__(self) -> None:
        self.short_ids = 0
        self.long_ids = 0

    def short(self) -> str:
        self.short_ids += 1
        return f"{self.short_ids:015d}="

    def long(self) -> str:
        self.long_ids += 1
        return f"00000000-0000-4000-8000-{self.long_ids:012d}"

    def trace(self, epoch: float) -> str:
        return "Root=1-67320d8a-000000000000000000000001"


class Reply:
    """The response to an HTTP request."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


def fetch(
    url: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    target: str | None = None,
) -> Reply:
    """Send one HTTP request on a new connection; ``target`` replaces path and query, unencoded."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE)
    try:
        default = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        data = body.encode() if isinstance(body, str) else body
        connection.request(method, target or default, data, dict(headers or {}))
        return Reply(connection.getresponse())
    finally:
        connection.close()


def fetch_until_stopped(url: str) -> None:
    """Send a request that the gateway aborts if it stops first."""
    with suppress(OSError, http.client.HTTPException):
        fetch(url)


def manage(
    management_url: str,
    method: str,
    connection_id: str,
    *,
    body: bytes | str | None = None,
    signature: str = SIGNATURE,
) -> Reply:
    """Send one request with a well-formed signature to ``@connections``, without boto3."""
    url = f"{management_url}/@connections/{quote(connection_id, safe='')}"
    headers = {"Authorization": signature} if signature else {}
    return fetch(url, method, headers=headers, body=body)


_session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")


def management_client(
    management_url: str, attempts: int = 1, pool: int = 10, read_timeout: float = DEADLINE
) -> Any:
    """Return boto3's client for ``@connections``, configured as in an application."""
    config = Config(
        connect_timeout=DEADLINE,
        read_timeout=read_timeout,
        max_pool_connections=pool,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return _session.client("apigatewaymanagementapi", endpoint_url=management_url, config=config)


class RawSocket:
    """A TCP connection with just enough WebSocket to misbehave."""

    def __init__(self, ws_url: str, *, receive_buffer: int | None = None) -> None:
        self.url = urlsplit(ws_url)
        self.sock = socket.socket()
        self._reader = StreamReader()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(DEADLINE)
        self.sock.connect((self.url.hostname, self.url.port))

    def send_upgrade(self) -> None:
        """Send the upgrade request without waiting for the response."""
        self.sock.sendall(
            f"GET {self.url.path} HTTP/1.1\r\nHost: {self.url.netloc}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def read_head(self) -> str:
        """Return the head of the response to the upgrade."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.sock.recv(4096)
            assert chunk, "the gateway closed the connection"
            head += chunk
        return head.decode("latin-1")

    def open(self) -> "RawSocket":
        """Upgrade and require the 101."""
        self.send_upgrade()
        assert self.read_head().startswith("HTTP/1.1 101 ")
        return self

    def send_text(self, text: str) -> None:
        """Send one masked text frame."""
        self.sock.sendall(Frame(Opcode.TEXT, text.encode()).serialize(mask=True))

    def read_frame(self) -> Frame:
        """Return the next frame of the gateway."""
        parser = Frame.parse(self._reader.read_exact, mask=False)
        while True:
            try:
                next(parser)
            except StopIteration as end:
                frame: Frame = end.value
                return frame
            chunk = self.sock.recv(65_536)
            assert chunk, "the gateway closed the connection"
            self._reader.feed_data(chunk)

    def has_data(self, within: float) -> bool:
        """Return whether data arrives within so many seconds."""
        self.sock.settimeout(within)
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(DEADLINE)

    def close(self) -> None:
        """Close the TCP connection without a close frame."""
        self.sock.close()


@contextmanager
def raw_socket(ws_url: str, **options: Any) -> Iterator[RawSocket]:
    """Yield a :class:`RawSocket` and close it afterwards."""
    client = RawSocket(ws_url, **options)
    try:
        yield client
    finally:
        client.close()


def allow(arn: str, context: Mapping[str, Any] | None = None, principal: str = "alice") -> Event:
    """Return an authorizer response that allows ``arn``."""
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": policy, "context": dict(context or {})}


def server_side(client: socket.socket) -> socket.socket:
    """Return a duplicate of the server's end of a connection within this process; the caller closes it."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            is_socket = str(entry.readlink()).startswith("socket:")
            descriptor = os.dup(int(entry.name)) if is_socket else -1
        except OSError:  # closed meanwhile
            continue
        if descriptor < 0:
            continue
        candidate = socket.socket(fileno=descriptor)
        try:
            if candidate.getpeername() == client.getsockname():
                return candidate
        except OSError:  # not connected
            pass
        candidate.close()
    raise AssertionError("no socket of this process is the other end")
