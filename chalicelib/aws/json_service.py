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

from chalicelib.core.clock import Clock

from .exchange import Exchange
from .http_answers import Answer, Reader
from .pool import Endpoint, Pool
from .refusals import Refused, Unanswered
from .retry_quota import AGAIN, AGAIN_AFTER_THROTTLING, SUCCESS_AT_ONCE, RetryQuota
from .sigv4 import Credentials, Signer, body_hash
from .tls import Trust

_REHEARSED = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
_ENCODER = json.JSONEncoder(separators=(",", ":"))
ATTEMPTS = 3
CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
_IN_ALL = ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + sum(2.0**each for each in range(ATTEMPTS - 1))
_THROTTLING = frozenset(
    {
        "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException",
        "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete", "SlowDown",
        "TransactionInProgressException",
    }
)  # fmt: skip
_AGAIN_AFTER = _THROTTLING | {"RequestTimeout", "RequestTimeoutException"}
_AGAIN_STATUSES = (500, 502, 503, 504)
"""The codes and statuses that the SDK asks again after (botocore, `retries/standard.py`)."""


class JsonService:
    """One service, by its endpoint. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        service: str,
        target: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        trust: Trust,
    ) -> None:
        """`service` is its name in signatures, `target` what stands before the names of operations."""
        place = Endpoint(endpoint)
        self._clock = clock
        self._target = target
        self._path = urlsplit(endpoint).path or "/"
        self._quota = RetryQuota()
        # One request at a time is an exchange's; the pool is common to all that are made at once.
        self._exchange = Exchange(
            Pool(place, clock, trust), clock, at_once=1, connect=CONNECT_SECONDS, read=READ_SECONDS
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

    def open(self, operation: str) -> None:
        """Connect and derive the day's key, before there is anything to ask.

        And make a request that is not sent, of an operation that will be asked for, and read an answer that did
        not come, so that the first real ones find all that makes and reads them loaded. Does not raise if nobody
        is there.
        """
        asking = self._asking(operation, {})
        asking.request()
        asking.answered(Reader().feed(_REHEARSED), unseen=False)
        self._exchange.open(self._clock.monotonic() + CONNECT_SECONDS)

    def ask(self, operation: str, arguments: Mapping[str, Any], *, within: float = _IN_ALL) -> dict[str, Any]:
        """The answer to an operation (by its name in the API), given up after `within` seconds.

        Raises:
            Refused: the service said no.
            Unanswered: nobody knows whether it was done.
        """
        asking = self._asking(operation, arguments)
        self._exchange.run([asking], self._clock.monotonic() + within)
        if asking.outcome is None:
            raise Unanswered(f"no answer to {operation}")
        status, answer = asking.outcome
        if status == 200:
            return answer
        raise Refused(_refusal(status, answer), operation)

    def _asking(self, operation: str, arguments: Mapping[str, Any]) -> _Asking:
        body = _ENCODER.encode(arguments).encode()
        return _Asking(self._path, self._signer(operation), self._clock, self._quota, body)


class _Asking:
    """One operation, until there is an outcome."""

    def __init__(self, path: str, signer: Signer, clock: Clock, quota: RetryQuota, body: bytes) -> None:
        self._path = path
        self._signer = signer
        self._clock = clock
        self._quota = quota
        self._taken = SUCCESS_AT_ONCE
        """What a success gives back to the budget."""
        self._body = body
        self._hash = body_hash(body)
        self._attempts = 0
        self.outcome: tuple[int, dict[str, Any]] | None = None
        """Status and content of the last answer."""

    def request(self) -> bytes:
        """The request, signed now."""
        moment = self._signer.at(self._clock.now())
        authorization = moment.authorization("POST", self._path, self._hash)
        line = f"POST {self._path} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        length = f"Content-Length: {len(self._body)}\r\n\r\n"
        return b"".join((line.encode(), moment.lines, length.encode(), self._body))

    def answered(self, answer: Answer | None, *, unseen: bool) -> float | None:
        """After how many seconds to ask again, None for never."""
        if unseen:
            return 0.0
        self._attempts += 1
        self.outcome = None if answer is None else _content(answer)
        if self.outcome is not None and self.outcome[0] == 200:
            self._quota.give(self._taken)
            return None
        if self._attempts == ATTEMPTS or not self._passes() or not self._affordable():
            return None
        return random.uniform(0, 2.0 ** (self._attempts - 1))  # noqa: S311 — jitter

    def _passes(self) -> bool:
        """Whether the trouble is one that passes."""
        if self.outcome is None:
            return True
        status, content = self.outcome
        return status in _AGAIN_STATUSES or code(content) in _AGAIN_AFTER

    def _affordable(self) -> bool:
        """Whether the budget has one more attempt."""
        throttled = self.outcome is not None and code(self.outcome[1]) in _THROTTLING
        self._taken = AGAIN_AFTER_THROTTLING if throttled else AGAIN
        return self._quota.take(self._taken)


def _content(answer: Answer) -> tuple[int, dict[str, Any]] | None:
    try:
        content = json.loads(answer.body or b"{}")
    except ValueError:
        # Not the service itself: something before it, whose status is all there is to know.
        return None if answer.status == 200 else (answer.status, {})
    return (answer.status, content) if isinstance(content, dict) else None


def code(content: Mapping[str, Any]) -> str:
    """The code of an error, without the name space that may stand before it and the link that may follow."""
    return str(content.get("__type") or content.get("code") or "").rpartition("#")[2].partition(":")[0]


def _refusal(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    message = content.get("message") or content.get("Message") or ""
    return {
        **content,
        "Error": {"Code": code(content) or str(status), "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
