"""Shared fakes of these tests: a clock, transfers, and a multiplexer with its pool."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chalicelib.awshttp import ConnectionPool, Multiplexer, Origin, Response, TlsContext
from tests.support.raw_peer import RawPeer


class SkewedClock:
    """The system's clock, with a wall clock that can be set forward."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset

    def monotonic(self) -> float:
        return time.monotonic()


class FakeTransfer:
    """Sends one request, and again only if that is safe; records the responses."""

    def __init__(self, body: bytes = b"x") -> None:
        self.body = body
        self.responses: list[Response | None] = []
        self.safe_retries = 0

    def next_request(self) -> bytes:
        return b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(self.body), self.body)

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        if safe_to_retry:
            self.safe_retries += 1
            return 0.0
        self.responses.append(response)
        return None


class PoolRig:
    """A multiplexer with its own pool.

    `patience` is the timeout of connections and responses. Only a test of timeouts gives a short one, as a busy
    machine may answer late.
    """

    def __init__(self, url: str, clock: SkewedClock | None = None, patience: float = 10) -> None:
        clock = clock or SkewedClock()
        self.pool = ConnectionPool(Origin(url), clock, TlsContext())
        self._multiplexer = Multiplexer(
            self.pool, clock, max_concurrency=16, connect_timeout=patience, read_timeout=patience
        )

    def send(self, *transfers: FakeTransfer, seconds: float = 10) -> list[int]:
        """Run transfers, or a new one; return the statuses of the responses, 0 for none."""
        running: Sequence[FakeTransfer] = transfers or (FakeTransfer(),)
        self._multiplexer.run(running, time.monotonic() + seconds)
        responses = [response for transfer in running for response in transfer.responses]
        return [0 if response is None else response.status for response in responses]

    def preconnect(self) -> None:
        self._multiplexer.preconnect(time.monotonic() + 10)


def transfers(count: int, body: bytes = b"x") -> list[FakeTransfer]:
    return [FakeTransfer(body) for _ in range(count)]


def connections_used(peer: RawPeer) -> list[int]:
    """Return the number of the connection for each request that the peer received."""
    return [number for number, _, _ in peer.requests]
