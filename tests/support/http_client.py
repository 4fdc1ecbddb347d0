"""An HTTP client for tests, over kept connections that threads share.

It never retries: each request arrives at most once.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from tests.support.checking import check_answer

TIMEOUT = 30.0
"""Seconds to wait for a response on a busy machine."""
_KEPT_SECONDS = 2.0
"""Seconds for which an idle connection is used again: servers close them after a while."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; `body` is the parsed JSON, or None without a body."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    request: str

    def expect(self, status: int, code: str | None = None) -> Any:
        """Return the body, after checking the status and optionally the error code."""
        assert self.status == status, f"{self.request}: {self.status}, not {status}: {self.body}"
        if code is not None:
            assert self.body["error"]["code"] == code, f"{self.request}: {self.body}, not {code}"
        return self.body


class HttpClient:
    """A client for one base URL, for use by any thread. The schema of every response is checked."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname, f"{base_url} is no URL"
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = (parts.hostname, parts.port)
        self._prefix = parts.path.rstrip("/")
        self._lock = Lock()
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        checked: bool = True,
    ) -> Response:
        """Send one request with `body` as JSON, or the bytes `raw`.

        `checked=False` is for responses that no route returns, such as that to a preflight.
        """
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        payload = raw
        if body is not None:
            payload = json.dumps(body, ensure_ascii=False).encode()
        if payload is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = self._exchange(method, path, payload, sent)
        if checked:
            check_answer(method, path, answer.status, answer.body, answer.headers)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for _, connection in self._idle:
                connection.close()
            self._idle.clear()

    def _exchange(self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]) -> Response:
        connection = self._take()
        try:
            connection.request(method, self._prefix + path, payload, dict(headers))
            response = connection.getresponse()
            text = response.read()
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return Response(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            json.loads(text) if text else None,
            f"{method} {path}",
        )

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _KEPT_SECONDS:
                    return connection
                connection.close()
        return self._kind(*self._address, timeout=TIMEOUT)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:  # closed by the server
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))
