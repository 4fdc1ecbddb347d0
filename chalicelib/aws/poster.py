"""Posting to sockets by API Gateway's callback API (`POST /@connections/{id}`), many at the same time.

urllib3, which the Lambda runtime's SDK brings along, with botocore's signer: a third of the SDK client's work for
a post, and a time limit of our own for each. API Gateway answers 410 when a connection is gone; that counts by
its status, as the error type is not always given. 429 (our rate, or the socket's full buffer) and 5xx are tried
again until the deadline. A post that was tried again can arrive twice: clients go by `sequence_id`.
"""

from __future__ import annotations

import logging
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from chalicelib.core.clock import Clock

MAX_AT_ONCE = 128
CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
_logger = logging.getLogger(__name__)


class CallbackPoster:
    """`core.ports.Poster` on API Gateway."""

    def __init__(self, endpoint: str, region: str, credentials: Callable[[], Any], clock: Clock) -> None:
        """`endpoint` is the URL of the WebSocket API with its stage; `credentials` gives frozen ones."""
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
        if len(mail) <= 1:
            return [each for each, payloads in mail.items() if self._is_gone(each, payloads, deadline)]
        posts = {
            self._threads.submit(self._is_gone, each, payloads, deadline): each for each, payloads in mail.items()
        }
        finished, late = wait(posts, timeout=max(deadline - self._clock.monotonic(), 0))
        for post in late:
            post.cancel()
        return [posts[post] for post in finished if post.result()]

    def close(self, connection_id: str) -> None:
        """Close a socket."""
        self._request("DELETE", connection_id, b"", self._clock.monotonic() + READ_SECONDS)

    def _is_gone(self, connection_id: str, payloads: Sequence[bytes], deadline: float) -> bool:
        return any(self._post(connection_id, payload, deadline) == 410 for payload in payloads)

    def _post(self, connection_id: str, payload: bytes, deadline: float) -> int:
        """Post one frame; the last status, 0 if there was none."""
        attempt, status = 0, 0
        while self._clock.monotonic() < deadline:
            status = self._request("POST", connection_id, payload, deadline)
            if status not in (0, 429) and status < 500:
                break
            attempt += 1
            pause = random.uniform(0.5, 1) * min(0.05 * 2**attempt, 0.5)  # noqa: S311 — jitter
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
        if status not in (200, 410):
            _logger.warning("a frame was dropped", extra={"connection_id": connection_id, "status": status})
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
