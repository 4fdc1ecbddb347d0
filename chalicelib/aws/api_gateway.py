"""Posting to sockets by API Gateway's callback API (`POST /@connections/{id}`), many at the same time.

Over connections that are kept, on one thread, signed by a signer of our own: `docs/decisions/0007-poster.md` has
what else there is and what it costs. API Gateway answers 410 when a connection is gone; that counts by its
status, as the error type is not always given. 429 (our rate, or the socket's full buffer) and 5xx are tried
again until the deadline. A post that was tried again can arrive twice: clients go by `sequence_id`.

What became of a fan-out is counted once for all its posts, and of frames that were dropped there is one log
line: where a thousand are, a thousand lines would tell no more.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

from chalicelib.awshttp._http11 import Response
from chalicelib.awshttp._multiplexer import Multiplexer
from chalicelib.awshttp._pool import ConnectionPool, Origin
from chalicelib.awshttp._sigv4 import Credentials, Signer, body_hash, canonical_path
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.metrics import Metric, NullObserver, Observer

MAX_CONCURRENCY = 128
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 2.0
LOGGED_CONNECTIONS = 5
"""Sockets that a line on dropped frames names."""
_logger = logging.getLogger(__name__)


class _Requests:
    """Makes the requests of one fan-out: each body is hashed once, for whoever it goes to."""

    __slots__ = ("_bodies", "_canonical", "_clock", "_path", "_signer")

    def __init__(self, signer: Signer, clock: Clock, path: str) -> None:
        self._signer = signer
        self._clock = clock
        self._path = path
        self._canonical = canonical_path(path)
        self._bodies: dict[bytes, tuple[str, bytes]] = {}

    def make(self, method: str, connection_id: str, body: bytes) -> bytes:
        """A whole request, signed now."""
        known = self._bodies.get(body)
        if known is None:
            known = self._bodies[body] = body_hash(body), b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        hashed, rest = known
        plain, signed = _quoted(connection_id)
        moment = self._signer.context_at(self._clock.now())
        authorization = moment.authorization(method, self._canonical + signed, hashed)
        line = f"{method} {self._path}{plain} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        return b"".join((line.encode(), moment.lines, rest))


@functools.lru_cache(4096)
def _quoted(connection_id: str) -> tuple[str, str]:
    """A connection id as it stands in a path, and as it is signed."""
    plain = quote(connection_id, safe="")
    return plain, canonical_path(plain)


class _Stats:
    """What became of all posts of one fan-out."""

    __slots__ = ("delivered", "gone", "retried", "throttled")

    def __init__(self) -> None:
        self.delivered = 0
        self.gone: list[str] = []
        self.retried = 0
        self.throttled = 0


class _Delivery:
    """One socket's frames, on their way in their order."""

    __slots__ = (
        "_again", "_attempt", "_connection_id", "_frames", "_next", "_requests", "_tally",
        "missing", "refused_with",
    )  # fmt: skip

    def __init__(self, connection_id: str, frames: Sequence[bytes], requests: _Requests, tally: _Stats) -> None:
        self._connection_id = connection_id
        self._frames = frames
        self._requests = requests
        self._tally = tally
        self._next = 0
        self._attempt = 0
        self._again = False
        self.missing = len(frames)
        """Frames that did not get through yet, to a socket that is there."""
        self.refused_with = 0
        """The last status that was no success, 0 if there was no answer in time."""

    def next_request(self) -> bytes:
        """The next frame's request."""
        if self._again:
            self._tally.retried += 1
            self._again = False
        return self._requests.make("POST", self._connection_id, self._frames[self._next])

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        """What comes next, and after how many seconds."""
        status = 0 if answer is None else answer.status
        if status == 200:
            self._tally.delivered += 1
            self.missing -= 1
            return self._next_frame()
        if safe_to_retry:
            # A connection that had died while it was kept: as good as not sent.
            self._again = True
            return 0.0
        self._tally.throttled += status == 429
        self.refused_with = status
        if status == 410:
            self._tally.gone.append(self._connection_id)
            self.missing = 0
            return None
        if status in (0, 429) or status >= 500:
            self._again = True
            self._attempt += 1
            longest = min(0.05 * 2.0**self._attempt, 0.5)
            return random.uniform(0.5, 1) * longest  # noqa: S311 — jitter
        return self._next_frame()

    def _next_frame(self) -> float | None:
        self._next += 1
        self._attempt = 0
        return 0.0 if self._next < len(self._frames) else None


class _Close:
    """The request that closes a socket: made once, whatever comes of it."""

    def __init__(self, connection_id: str, requests: _Requests) -> None:
        self._connection_id = connection_id
        self._requests = requests

    def next_request(self) -> bytes:
        """The request."""
        return self._requests.make("DELETE", self._connection_id, b"")

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        """Whether it is to be made again."""
        return 0.0 if safe_to_retry else None


class ApiGatewayPoster:
    """`core.ports.Poster` on API Gateway. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        observer: Observer | None = None,
        trust: TlsContext | None = None,
    ) -> None:
        """`endpoint` is the URL of the WebSocket API with its stage; `credentials` gives frozen ones.

        `observer` is told what became of the posts. `trust` is shared with whoever else connects.
        """
        self._observer = NullObserver() if observer is None else observer
        self._clock = clock
        self._path = f"{urlsplit(endpoint.rstrip('/')).path}/@connections/"
        place = Origin(endpoint)
        self._signer = Signer("execute-api", region, credentials, {"host": place.host_header})
        self._pool = ConnectionPool(place, clock, trust or TlsContext())
        self._exchange = Multiplexer(
            self._pool, clock, at_once=MAX_CONCURRENCY, connect=CONNECT_TIMEOUT, read=READ_TIMEOUT
        )

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all at the same time; who is gone."""
        requests = _Requests(self._signer, self._clock, self._path)
        tally = _Stats()
        posts = {each: _Delivery(each, frames, requests, tally) for each, frames in payloads.items() if frames}
        self._exchange.run(posts.values(), deadline)
        self._record(tally, {each: post for each, post in posts.items() if post.missing})
        return tally.gone

    def close(self, connection_id: str) -> None:
        """Close a socket."""
        requests = _Requests(self._signer, self._clock, self._path)
        deadline = self._clock.monotonic() + READ_TIMEOUT
        self._exchange.run([_Close(connection_id, requests)], deadline)

    def shut(self) -> None:
        """Let go of the connections."""
        self._pool.close()

    def _record(self, tally: _Stats, missing: Mapping[str, _Delivery]) -> None:
        """Tell the observer, and the log of dropped frames (`missing`, by socket)."""
        dropped = sum(each.missing for each in missing.values())
        counts = {
            Metric.POSTS_DELIVERED: tally.delivered,
            Metric.POSTS_GONE: len(tally.gone),
            Metric.POSTS_RETRIED: tally.retried,
            Metric.POSTS_THROTTLED: tally.throttled,
            Metric.POSTS_DROPPED: dropped,
        }
        for what, number in counts.items():
            self._observer.count(what, number)
        if missing:
            statuses = Counter(str(each.refused_with or "none") for each in missing.values())
            fields = {
                "frames": dropped,
                "sockets": len(missing),
                "statuses": dict(statuses),
                "connection_ids": list(missing)[:LOGGED_CONNECTIONS],
            }
            with contextlib.suppress(Exception):  # whatever handler is there: a line is not worth a message
                _logger.warning(
                    "frames were dropped: %s", fields, extra={"event": "posts_dropped", "fields": fields}
                )
