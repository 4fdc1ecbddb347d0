"""The transfer of one signed POST request, which the clients of different services share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._http11 import Response
from chalicelib.awshttp._sigv4 import Signer


class SignedPost(ABC):
    """A `Transfer` of one request and its repetitions, about which a subclass decides."""

    def __init__(self, signer: Signer, clock: Clock, path: str, body: bytes) -> None:
        self._signer = signer
        self._clock = clock
        self._path = path
        self._body = body
        self._attempts = 0

    @abstractmethod
    def retry_delay(self, response: Response | None, attempts: int) -> float | None:
        """Return the delay in seconds before another attempt, or None if there is none.

        `response` is that to the last one of so many attempts, None if it had none.
        """

    def next_request(self) -> bytes:
        """Return the request, signed now: a signature expires."""
        return self._signer.context_at(self._clock.now()).post(self._path, self._body)

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        """Return the delay before the next attempt in seconds, or None if the transfer is complete.

        A kept connection that turns out to be closed as it is used costs neither an attempt nor a delay.
        """
        if safe_to_retry:
            return 0.0
        self._attempts += 1
        return self.retry_delay(response, self._attempts)
