"""Posting frames to WebSocket connections by API Gateway's callback API: `POST /@connections/{id}`.

A fan-out posts to all connections at once, on one thread, over connections that are kept (decision record 0007
compares this with the alternatives). API Gateway answers 410 for a connection that is closed; only that status
counts, because the error type is not always present. 429 (the account's rate, or a full buffer of the connection)
and 5xx are retried until the deadline. A retried post may arrive twice: clients deduplicate by `sequence_id`.

A fan-out is counted as a whole, and one log line names the frames that were dropped: with a thousand recipients, a
thousand lines would contain no more.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

from chalicelib.awshttp import (
    ConnectionPool,
    Credentials,
    Multiplexer,
    Origin,
    Response,
    Signer,
    TlsContext,
    body_hash,
    canonical_path,
)
from chalicelib.core.kernel.backoff import full_jitter
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.metrics import Metric, NullObserver, Observer

MAX_CONCURRENCY = 128
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 2.0
LOGGED_CONNECTIONS = 5
"""How many connection ids a log line about dropped frames contains."""
_RETRY_BASE, _RETRY_CAP = 0.1, 0.5
"""Bounds of the delay before a retry, in seconds."""
_logger = logging.getLogger(__name__)


class _Requests:
    """Builds the requests of one fan-out. The body of a frame is hashed once for all its recipients."""

    __slots__ = ("_bodies", "_canonical_path", "_clock", "_path", "_signer")

    def __init__(self, signer: Signer, clock: Clock, path: str) -> None:
        self._signer = signer
        self._clock = clock
        self._path = path
        self._canonical_path = canonical_path(path)
        self._bodies: dict[bytes, tuple[str, bytes]] = {}

    def build(self, method: str, connection_id: str, body: bytes) -> bytes:
        """Return a request, head and body, signed now."""
        known = self._bodies.get(body)
        if known is None:
            known = self._bodies[body] = body_hash(body), b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        payload_hash, length_and_body = known
        segment, canonical_segment = _path_segment(connection_id)
        context = self._signer.context_at(self._clock.now())
        authorization = context.authorization(method, self._canonical_path + canonical_segment, payload_hash)
        line = f"{method} {self._path}{segment} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        return b"".join((line.encode(), context.header_lines, length_and_body))


@functools.lru_cache(4096)
def _path_segment(connection_id: str) -> tuple[str, str]:
    """Return a connection id as a path segment, and the same in its canonical form for the signature."""
    segment = quote(connection_id, safe="")
    return segment, canonical_path(segment)


class _Stats:
    """The outcome of one fan-out, counted over all its posts."""

    __slots__ = ("delivered", "retried", "stale", "throttled")

    def __init__(self) -> None:
        self.delivered = 0
        self.stale: list[str] = []
        """The connections that API Gateway answered 410 for."""
        self.retried = 0
        self.throttled = 0


class _Delivery:
    """The transfer of one connection's frames, in their order."""

    __slots__ = (
        "_attempt", "_connection_id", "_frames", "_is_retry", "_next", "_requests", "_stats",
        "last_status", "undelivered",
    )  # fmt: skip

    def __init__(self, connection_id: str, frames: Sequence[bytes], requests: _Requests, stats: _Stats) -> None:
        self._connection_id = connection_id
        self._frames = frames
        self._requests = requests
        self._stats = stats
        self._next = 0
        self._attempt = 0
        """How often the next frame was posted without success."""
        self._is_retry = False
        self.undelivered = len(frames)
        """How many frames were not posted successfully; 0 for a stale connection, which needs none."""
        self.last_status = 0
        """The last status but 200; 0 if the last failure was a missing response."""

    def next_request(self) -> bytes:
        """Return the request that posts the next frame."""
        if self._is_retry:
            self._stats.retried += 1
            self._is_retry = False
        return self._requests.build("POST", self._connection_id, self._frames[self._next])

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        """Return the delay before the next post in seconds, or None if there is none."""
        status = 0 if response is None else response.status
        if status == 200:
            self._stats.delivered += 1
            self.undelivered -= 1
            return self._skip_to_next_frame()
        if safe_to_retry:
            self._is_retry = True
            return 0.0
        self._stats.throttled += status == 429
        self.last_status = status
        if status == 410:
            self._stats.stale.append(self._connection_id)
            self.undelivered = 0
            return None
        if status in (0, 429) or status >= 500:
            self._is_retry = True
            self._attempt += 1
            return full_jitter(self._attempt - 1, base=_RETRY_BASE, cap=_RETRY_CAP)
        return self._skip_to_next_frame()

    def _skip_to_next_frame(self) -> float | None:
        self._next += 1
        self._attempt = 0
        return 0.0 if self._next < len(self._frames) else None


class _Close:
    """The transfer that closes a connection: one attempt, whatever its outcome."""

    def __init__(self, connection_id: str, requests: _Requests) -> None:
        self._connection_id = connection_id
        self._requests = requests

    def next_request(self) -> bytes:
        """Return the request."""
        return self._requests.build("DELETE", self._connection_id, b"")

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        """Complete, unless the request was not sent on an open connection."""
        return 0.0 if safe_to_retry else None


class ApiGatewayPoster:
    """The `ConnectionPoster` port on API Gateway. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        observer: Observer | None = None,
        tls: TlsContext | None = None,
    ) -> None:
        """`endpoint` is the URL of the WebSocket API with its stage; `credentials` returns frozen ones.

        `observer` receives the counts of each fan-out. `tls` may be shared with other clients.
        """
        origin = Origin(endpoint)
        self._observer = NullObserver() if observer is None else observer
        self._clock = clock
        self._path = f"{urlsplit(endpoint.rstrip('/')).path}/@connections/"
        self._signer = Signer("execute-api", region, credentials, {"host": origin.host_header})
        self._multiplexer = Multiplexer(
            ConnectionPool(origin, clock, tls or TlsContext()),
            clock,
            max_concurrency=MAX_CONCURRENCY,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
        )

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all connections at once, to each its frames in order; return the stale connections."""
        requests = _Requests(self._signer, self._clock, self._path)
        stats = _Stats()
        deliveries = {
            connection_id: _Delivery(connection_id, frames, requests, stats)
            for connection_id, frames in payloads.items()
            if frames
        }
        self._multiplexer.run(deliveries.values(), deadline)
        self._record(stats, {key: delivery for key, delivery in deliveries.items() if delivery.undelivered})
        return stats.stale

    def close(self, connection_id: str) -> None:
        """Close a connection. Does not raise."""
        requests = _Requests(self._signer, self._clock, self._path)
        deadline = self._clock.monotonic() + READ_TIMEOUT
        self._multiplexer.run([_Close(connection_id, requests)], deadline)

    def _record(self, stats: _Stats, undelivered: Mapping[str, _Delivery]) -> None:
        """Count the outcome, and log dropped frames (`undelivered`, by connection)."""
        dropped = sum(delivery.undelivered for delivery in undelivered.values())
        counts = {
            Metric.POSTS_DELIVERED: stats.delivered,
            Metric.POSTS_GONE: len(stats.stale),
            Metric.POSTS_RETRIED: stats.retried,
            Metric.POSTS_THROTTLED: stats.throttled,
            Metric.POSTS_DROPPED: dropped,
        }
        for metric, count in counts.items():
            self._observer.count(metric, count)
        if undelivered:
            fields = {
                "frames": dropped,
                "sockets": len(undelivered),
                "statuses": dict(Counter(str(each.last_status or "none") for each in undelivered.values())),
                "connection_ids": list(undelivered)[:LOGGED_CONNECTIONS],
            }
            with contextlib.suppress(Exception):  # a failing log handler must not fail the message
                _logger.warning(
                    "frames were dropped: %s", fields, extra={"event": "posts_dropped", "fields": fields}
                )
