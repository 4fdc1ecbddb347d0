"""Asking a service of AWS by its JSON protocol (`X-Amz-Target`), over connections that are kept.

The arguments and answers of the SDK's client are this protocol's own, so there is nothing to translate: what the
SDK makes of its service descriptions at every cold start is of no use to us. It is done again what the SDK does
again ("Retry behavior", AWS SDKs and tools reference guide, mode "standard"): what got no answer, 5xx, and
throttling, up to three attempts in all, after random pauses of up to one and two seconds, out of a budget that all
calls share (`retry_quota.py`). A kept connection that dies as it is used costs no attempt and no pause.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from chalicelib.awshttp._errors import NoResponse, ServiceError
from chalicelib.awshttp._http11 import Response, ResponseParser
from chalicelib.awshttp._multiplexer import Multiplexer
from chalicelib.awshttp._pool import ConnectionPool, Origin
from chalicelib.awshttp._retry_quota import AGAIN, AGAIN_AFTER_THROTTLING, NO_RETRY_INCREMENT, RetryQuota
from chalicelib.awshttp._sigv4 import Credentials, Signer, body_hash
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import Clock

_WARM_UP_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
_ENCODER = json.JSONEncoder(separators=(",", ":"))
MAX_ATTEMPTS = 3
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 3.0
TOTAL_TIMEOUT = MAX_ATTEMPTS * (CONNECT_TIMEOUT + READ_TIMEOUT) + sum(
    2.0**each for each in range(MAX_ATTEMPTS - 1)
)
_THROTTLING_CODES = frozenset(
    {
        "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException",
        "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete", "SlowDown",
        "TransactionInProgressException",
    }
)  # fmt: skip
_RETRY_DELAYS = _THROTTLING_CODES | {"RequestTimeout", "RequestTimeoutException"}
_RETRYABLE_STATUSES = (500, 502, 503, 504)
"""The codes and statuses that the SDK asks again after (botocore, `retries/standard.py`)."""


class AwsJsonClient:
    """One service, by its endpoint. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        service: str,
        target: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        trust: TlsContext,
    ) -> None:
        """`service` is its name in signatures, `target` what stands before the names of operations."""
        place = Origin(endpoint)
        self._clock = clock
        self._target = target
        self._path = urlsplit(endpoint).path or "/"
        self._quota = RetryQuota()
        # One request at a time is an exchange's; the pool is common to all that are made at once.
        self._exchange = Multiplexer(
            ConnectionPool(place, clock, trust), clock, at_once=1, connect=CONNECT_TIMEOUT, read=READ_TIMEOUT
        )

        @lru_cache(64)
        def signer(operation: str) -> Signer:
            headers = {
                "content-type": "application/x-amz-json-1.0",
                "host": place.host_header,
                "x-amz-target": f"{target}.{operation}",
            }
            return Signer(service, region, credentials, headers)

        self._signer = signer

    def warm_up(self, operation: str) -> None:
        """Connect and derive the day's key, before there is anything to ask.

        And make a request that is not sent, of an operation that will be asked for, and read an answer that did
        not come, so that the first real ones find all that makes and reads them loaded. Does not raise if nobody
        is there.
        """
        asking = self._new_call(operation, {})
        asking.next_request()
        asking.on_response(ResponseParser().feed(_WARM_UP_RESPONSE), safe_to_retry=False)
        self._exchange.preconnect(self._clock.monotonic() + CONNECT_TIMEOUT)

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, within: float = TOTAL_TIMEOUT
    ) -> dict[str, Any]:
        """The answer to an operation (by its name in the API), given up after `within` seconds.

        Raises:
            ServiceError: the service said no.
            NoResponse: nobody knows whether it was done.
        """
        asking = self._new_call(operation, arguments)
        self._exchange.run([asking], self._clock.monotonic() + within)
        if asking.outcome is None:
            raise NoResponse(f"no answer to {operation}")
        status, answer = asking.outcome
        if status == 200:
            return answer
        raise ServiceError(_error_response(status, answer), operation)

    def _new_call(self, operation: str, arguments: Mapping[str, Any]) -> _Call:
        body = _ENCODER.encode(arguments).encode()
        return _Call(self._path, self._signer(operation), self._clock, self._quota, body)


class _Call:
    """One operation, until there is an outcome."""

    def __init__(self, path: str, signer: Signer, clock: Clock, quota: RetryQuota, body: bytes) -> None:
        self._path = path
        self._signer = signer
        self._clock = clock
        self._quota = quota
        self._taken = NO_RETRY_INCREMENT
        """What a success gives back to the budget."""
        self._body = body
        self._hash = body_hash(body)
        self._attempts = 0
        self.outcome: tuple[int, dict[str, Any]] | None = None
        """Status and content of the last answer."""

    def next_request(self) -> bytes:
        """The request, signed now."""
        moment = self._signer.context_at(self._clock.now())
        authorization = moment.authorization("POST", self._path, self._hash)
        line = f"POST {self._path} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        length = f"Content-Length: {len(self._body)}\r\n\r\n"
        return b"".join((line.encode(), moment.lines, length.encode(), self._body))

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        """After how many seconds to ask again, None for never."""
        if safe_to_retry:
            return 0.0
        self._attempts += 1
        self.outcome = None if answer is None else _json_body(answer)
        if self.outcome is not None and self.outcome[0] == 200:
            self._quota.release(self._taken)
            return None
        if self._attempts == MAX_ATTEMPTS or not self._is_retryable() or not self._acquire_retry():
            return None
        return random.uniform(0, 2.0 ** (self._attempts - 1))  # noqa: S311 — jitter

    def _is_retryable(self) -> bool:
        """Whether the trouble is one that passes."""
        if self.outcome is None:
            return True
        status, content = self.outcome
        return status in _RETRYABLE_STATUSES or error_code(content) in _RETRY_DELAYS

    def _acquire_retry(self) -> bool:
        """Whether the budget has one more attempt."""
        throttled = self.outcome is not None and error_code(self.outcome[1]) in _THROTTLING_CODES
        self._taken = AGAIN_AFTER_THROTTLING if throttled else AGAIN
        return self._quota.acquire(self._taken)


def _json_body(answer: Response) -> tuple[int, dict[str, Any]] | None:
    try:
        content = json.loads(answer.body or b"{}")
    except ValueError:
        # Not the service itself: something before it, whose status is all there is to know.
        return None if answer.status == 200 else (answer.status, {})
    return (answer.status, content) if isinstance(content, dict) else None


def error_code(content: Mapping[str, Any]) -> str:
    """The code of an error, without the name space that may stand before it and the link that may follow."""
    return str(content.get("__type") or content.get("code") or "").rpartition("#")[2].partition(":")[0]


def _error_response(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    message = content.get("message") or content.get("Message") or ""
    return {
        **content,
        "Error": {"Code": error_code(content) or str(status), "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
