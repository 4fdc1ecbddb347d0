"""The hook as a Lambda function: the operation Invoke of the Lambda API, which waits for the function's response.

A function that raises answers with status 200 as well, with an object of `errorType` and `errorMessage` (Lambda
Developer Guide, "Synchronous invocation"). That has no `answers`, so it is no decision; its message is not logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.awshttp import (
    ConnectionPool,
    Credentials,
    Multiplexer,
    Origin,
    Response,
    SignedPost,
    Signer,
    TlsContext,
)
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.backoff import full_jitter
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import InvalidJson
from chalicelib.core.ports.hooks import HookFailed

CONNECT_TIMEOUT = 1.0
MAX_ATTEMPTS = 2
"""Of a call that Lambda did not execute, or could not: throttling, and errors of the service."""
_RETRY_BASE, _RETRY_CAP = 0.1, 0.2
"""Bounds of the delay before a retry, in seconds."""


class LambdaHook:
    """The `Hook` port on Lambda. Safe to use from any thread."""

    def __init__(
        self,
        endpoint: str,
        function: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        tls: TlsContext,
        timeout: float,
    ) -> None:
        """`function` is a name, which can have a qualifier, or an ARN; `timeout` bounds every call, in seconds."""
        origin = Origin(endpoint)
        name = quote(function, safe="")
        self._path = f"{urlsplit(endpoint.rstrip('/')).path}/2015-03-31/functions/{name}/invocations"
        self._clock = clock
        headers = {"content-type": "application/json", "host": origin.host_header}
        self._signer = Signer("lambda", region, credentials, headers)
        self._multiplexer = Multiplexer(
            ConnectionPool(origin, clock, tls),
            clock,
            max_concurrency=1,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=timeout,
        )

    def ask(self, request: Mapping[str, Any], timeout: float) -> Any:
        """Return the response of the function. Raises HookFailed."""
        call = _Call(self._signer, self._clock, self._path, json_codec.dumps(request).encode())
        self._multiplexer.run([call], self._clock.monotonic() + timeout)
        response = call.response
        if response is None:
            raise HookFailed("no response in time")
        if response.status != 200:
            raise HookFailed(f"Lambda answered with status {response.status}")
        try:
            return json_codec.parse(response.body)
        except InvalidJson:
            raise HookFailed("the response is not valid JSON") from None


class _Call(SignedPost):
    """The transfer of one call."""

    response: Response | None = None
    """The last response; None if the last attempt had none."""

    def retry_delay(self, response: Response | None, attempts: int) -> float | None:
        """Retry after an error of Lambda only: an attempt without a response may have called the function."""
        self.response = response
        is_retryable = response is not None and (response.status == 429 or response.status >= 500)
        if not is_retryable or attempts == MAX_ATTEMPTS:
            return None
        return full_jitter(attempts - 1, base=_RETRY_BASE, cap=_RETRY_CAP)
