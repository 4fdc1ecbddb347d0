"""A client of one AWS service by the AWS JSON protocol: `POST /`, the operation in `X-Amz-Target`, JSON both ways.

The SDK's arguments and responses are those of the protocol, so nothing is translated, and the service descriptions
that the SDK loads at every cold start are not needed. Retries are those of the SDK's mode "standard" (AWS SDKs and
Tools Reference Guide, "Retry behavior"): up to three attempts after a missing response, a 5xx or throttling, with
full jitter of up to one and two seconds, from a budget that all calls share (`_retry_quota.py`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._errors import NoResponse, ServiceError
from chalicelib.awshttp._http11 import Response, ResponseParser
from chalicelib.awshttp._multiplexer import Multiplexer
from chalicelib.awshttp._origin import Origin
from chalicelib.awshttp._pool import ConnectionPool
from chalicelib.awshttp._retry_quota import NO_RETRY_INCREMENT, RETRY_COST, THROTTLING_RETRY_COST, RetryQuota
from chalicelib.awshttp._signed_post import SignedPost
from chalicelib.awshttp._sigv4 import Credentials, Signer
from chalicelib.awshttp._tls import TlsContext

MAX_ATTEMPTS = 3
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 3.0
TOTAL_TIMEOUT = MAX_ATTEMPTS * (CONNECT_TIMEOUT + READ_TIMEOUT) + sum(
    2.0**attempt for attempt in range(MAX_ATTEMPTS - 1)
)
"""Seconds: all attempts with the longest delays between them."""
_THROTTLING_CODES = frozenset(
    {
        "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException",
        "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete", "SlowDown",
        "TransactionInProgressException",
    }
)  # fmt: skip
_RETRYABLE_CODES = _THROTTLING_CODES | {"RequestTimeout", "RequestTimeoutException"}
_RETRYABLE_STATUSES = (500, 502, 503, 504)
"""The codes and statuses are those of botocore (`retries/standard.py`)."""
_WARM_UP_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class AwsJsonClient:
    """A client of the service at one endpoint. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        service: str,
        target: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        tls: TlsContext,
        *,
        json_version: str = "1.0",
    ) -> None:
        """`service` is its name in signatures, `target` the prefix of operations in `X-Amz-Target`."""
        origin = Origin(endpoint)
        self._clock = clock
        self._path = urlsplit(endpoint).path or "/"
        self._quota = RetryQuota()
        # Each call is one run with one request in flight; concurrent calls share the pool.
        self._multiplexer = Multiplexer(
            ConnectionPool(origin, clock, tls),
            clock,
            max_concurrency=1,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
        )

        @lru_cache(64)
        def signer(operation: str) -> Signer:
            headers = {
                "content-type": f"application/x-amz-json-{json_version}",
                "host": origin.host_header,
                "x-amz-target": f"{target}.{operation}",
            }
            return Signer(service, region, credentials, headers)

        self._signer = signer

    def warm_up(self, operation: str) -> None:
        """Prepare for the first call: open a connection, and derive the signing key of the day.

        Also build a request of `operation` without sending it, and parse a response, so that the first call finds
        that code loaded. Does not raise, even if there is no server.
        """
        call = self._new_call(operation, {})
        call.next_request()
        call.on_response(ResponseParser().feed(_WARM_UP_RESPONSE), safe_to_retry=False)
        self._multiplexer.preconnect(self._clock.monotonic() + CONNECT_TIMEOUT)

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, timeout: float = TOTAL_TIMEOUT
    ) -> dict[str, Any]:
        """Execute an operation (by its name in the API) and return its response.

        Raises:
            ServiceError: the service answered with an error.
            NoResponse: nothing usable arrived within `timeout` seconds; the operation may have been executed.
        """
        call = self._new_call(operation, arguments)
        self._multiplexer.run([call], self._clock.monotonic() + timeout)
        if call.outcome is None:
            raise NoResponse(f"{operation} received no response")
        status, content = call.outcome
        if status == 200:
            return content
        raise ServiceError(_error_response(status, content), operation)

    def _new_call(self, operation: str, arguments: Mapping[str, Any]) -> _Call:
        body = _ENCODER.encode(arguments).encode()
        return _Call(self._path, self._signer(operation), self._clock, self._quota, body)


class _Call(SignedPost):
    """The transfer of one operation."""

    def __init__(self, path: str, signer: Signer, clock: Clock, quota: RetryQuota, body: bytes) -> None:
        super().__init__(signer, clock, path, body)
        self._quota = quota
        self._last_cost = NO_RETRY_INCREMENT
        """The amount that a success returns to the quota."""
        self.outcome: tuple[int, dict[str, Any]] | None = None
        """Status and content of the last response; None if the last attempt had none."""

    def retry_delay(self, response: Response | None, attempts: int) -> float | None:
        """Retry after a missing response, a 5xx or throttling, as far as the quota allows it."""
        self.outcome = None if response is None else _parse_content(response)
        if self.outcome is not None and self.outcome[0] == 200:
            self._quota.release(self._last_cost)
            return None
        if attempts == MAX_ATTEMPTS or not self._is_retryable() or not self._acquire_retry():
            return None
        return random.uniform(0, 2.0 ** (attempts - 1))  # noqa: S311 — jitter

    def _is_retryable(self) -> bool:
        """Return whether another attempt may succeed."""
        if self.outcome is None:
            return True
        status, content = self.outcome
        return status in _RETRYABLE_STATUSES or _error_code(content) in _RETRYABLE_CODES

    def _acquire_retry(self) -> bool:
        """Return whether the quota has a retry left, and take it."""
        is_throttled = self.outcome is not None and _error_code(self.outcome[1]) in _THROTTLING_CODES
        self._last_cost = THROTTLING_RETRY_COST if is_throttled else RETRY_COST
        return self._quota.acquire(self._last_cost)


def _parse_content(response: Response) -> tuple[int, dict[str, Any]] | None:
    try:
        content = json.loads(response.body or b"{}")
    except ValueError:
        # Not from the service but from a proxy or load balancer before it: only the status has a meaning.
        return None if response.status == 200 else (response.status, {})
    return (response.status, content) if isinstance(content, dict) else None


def _error_code(content: Mapping[str, Any]) -> str:
    """Return the code of an error without the namespace before it and the URL after it; empty if there is none."""
    return str(content.get("__type") or content.get("code") or "").rpartition("#")[2].partition(":")[0]


def _error_response(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an error in the shape that the SDK gives it."""
    message = content.get("message") or content.get("Message") or ""
    return {
        **content,
        "Error": {"Code": _error_code(content) or str(status), "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
