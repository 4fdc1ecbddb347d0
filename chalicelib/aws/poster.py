"""Posting to sockets by API Gateway's callback API (`POST /@connections/{id}`), many at the same time.

urllib3, which the Lambda runtime's SDK brings along, with botocore's signer: a third of the SDK client's work for
a post, and a time limit of our own for each. API Gateway answers 410 when a connection is gone; that counts by
its status, as the error type is not always given. 429 (our rate, or the socket's full buffer) and 5xx are tried
again until the deadline. A post that was tried again can arrive twice: clients go by `sequence_id`.

What became of a fan-out is counted once for all its posts, and of frames that were dropped there is one log line:
where a thousand are, a thousand lines would tell no more.
"""

from __future__ import annotations

import contextlib
import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from chalicelib.core.clock import Clock
from chalicelib.core.measures import Measure
from chalicelib.core.ports import Observer, Unobserved

MAX_AT_ONCE = 128
CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
NAMED_IN_A_LINE = 5
"""Sockets that a line on dropped frames names."""
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Fate:
    """What became of one socket's frames, up to now."""

    frames: int
    delivered: int = 0
    gone: bool = False
    retried: int = 0
    throttled: int = 0
    refused_with: int = 0
    """The last status that was no success, 0 if there was no answer in time."""


class CallbackPoster:
    """`core.ports.Poster` on API Gateway."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Any],
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        """`endpoint` is the URL of the WebSocket API with its stage; `credentials` gives frozen ones.

        `observer` is told what became of the posts.
        """
        self._observer = Unobserved() if observer is None else observer
        self._endpoint = endpoint.rstrip("/")
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._path = urlsplit(self._endpoint).path
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="post")
        # One TLS context for all connections: reading the certificate authorities takes many times a handshake.
        tls = {"ssl_context": ssl.create_default_context()} if endpoint.startswith("https:") else {}
        # Room for a connection of each thread, and of each invocation that posts in its own.
        self._pool = urllib3.connection_from_url(self._endpoint, maxsize=2 * MAX_AT_ONCE, retries=False, **tls)

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all at the same time; who is gone."""
        fates = {each: _Fate(len(payloads)) for each, payloads in mail.items()}
        if len(mail) <= 1:
            for each, payloads in mail.items():
                self._post_to(each, payloads, deadline, fates[each])
        else:
            posts = [
                self._threads.submit(self._post_to, each, payloads, deadline, fates[each])
                for each, payloads in mail.items()
            ]
            finished, late = wait(posts, timeout=max(deadline - self._clock.monotonic(), 0))
            for post in late:
                post.cancel()
            for post in finished:
                post.result()
        self._tell(fates)
        return [each for each, fate in fates.items() if fate.gone]

    def close(self, connection_id: str) -> None:
        """Close a socket."""
        self._request("DELETE", connection_id, b"", self._clock.monotonic() + READ_SECONDS)

    def _tell(self, fates: Mapping[str, _Fate]) -> None:
        """Tell the observer, and the log of dropped frames. The posts' own threads belong to no invocation."""
        counts: Counter[Measure] = Counter()
        missing: dict[str, int] = {}
        for each, fate in fates.items():
            # Read once: the post of a late one may still go on.
            delivered, gone = fate.delivered, fate.gone
            counts[Measure.POSTS_DELIVERED] += delivered
            counts[Measure.POSTS_GONE] += gone
            counts[Measure.POSTS_RETRIED] += fate.retried
            counts[Measure.POSTS_THROTTLED] += fate.throttled
            if delivered < fate.frames and not gone:
                missing[each] = fate.frames - delivered
        counts[Measure.POSTS_DROPPED] = sum(missing.values())
        for what, number in counts.items():
            self._observer.count(what, number)
        if missing:
            statuses = Counter(str(fates[each].refused_with or "none") for each in missing)
            fields = {
                "frames": counts[Measure.POSTS_DROPPED],
                "sockets": len(missing),
                "statuses": dict(statuses),
                "connection_ids": list(missing)[:NAMED_IN_A_LINE],
            }
            with contextlib.suppress(Exception):  # whatever handler is there: a line is not worth a message
                _logger.warning(
                    "frames were dropped: %s", fields, extra={"event": "posts_dropped", "fields": fields}
                )

    def _post_to(self, connection_id: str, payloads: Sequence[bytes], deadline: float, fate: _Fate) -> None:
        """Post a socket's frames, until it turns out to be gone."""
        for payload in payloads:
            status = self._post(connection_id, payload, deadline, fate)
            if status == 410:
                fate.gone = True
                return
            if status == 200:
                fate.delivered += 1

    def _post(self, connection_id: str, payload: bytes, deadline: float, fate: _Fate) -> int:
        """Post one frame; the last status, 0 if there was none."""
        attempt, status = 0, 0
        while self._clock.monotonic() < deadline:
            fate.retried += attempt > 0
            status = self._request("POST", connection_id, payload, deadline)
            fate.throttled += status == 429
            if status != 200:
                fate.refused_with = status
            if status not in (0, 429) and status < 500:
                break
            attempt += 1
            pause = random.uniform(0.5, 1) * min(0.05 * 2**attempt, 0.5)  # noqa: S311 — jitter
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
        return status

    def _request(self, method: str, connection_id: str, body: bytes, deadline: float) -> int:
        """One request; its status, 0 if there was no answer in time."""
        left = max(deadline - self._clock.monotonic(), 0.001)
        path = f"/@connections/{quote(connection_id, safe='')}"
        request = AWSRequest(method, self._endpoint + path, data=body)
        SigV4Auth(self._credentials(), "execute-api", self._region).add_auth(request)
        try:
            answer = self._pool.urlopen(
                method,
                self._path + path,
                body=body,
                headers=dict(request.headers.items()),
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left), total=left
                ),
                redirect=False,
                retries=False,
            )
        except urllib3.exceptions.HTTPError:
            return 0
        return answer.status
