"""Attempts at webhooks: the `EventSink` of endpoints with a URL."""

from __future__ import annotations

import functools
import math
import ssl
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.published import content_of
from chalicelib.core.model.publishing import ATTEMPT_TIMEOUT, Delivery, DeliveryResult, Endpoint, Outcome, Secret
from chalicelib.core.model.webhook_url import parse_webhook_url
from chalicelib.webhooks.errors import AttemptFailed
from chalicelib.webhooks.http_post import Answer, Deadline, post
from chalicelib.webhooks.resolving import Resolve, checked_addresses, resolve
from chalicelib.webhooks.signing import signature_headers, valid_keys

_HEADERS = {"Content-Type": "application/json", "User-Agent": "serverless-chat"}


def no_parameters(name: str) -> tuple[Secret, ...]:
    """Return no secrets: for sinks without endpoints from the settings."""
    raise Unavailable


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the context of all attempts: it verifies certificates and host names."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Network(NamedTuple):
    """How attempts reach endpoints; tests and local runs differ."""

    is_local: bool = False
    """Whether plain HTTP, other ports and loopback are allowed."""
    timeout: float = ATTEMPT_TIMEOUT
    """Seconds of an attempt, from the resolution of the name to the head of the answer."""
    resolve: Resolve = resolve
    tls: Callable[[], ssl.SSLContext] = tls_context


class WebhookSink:
    """Carries deliveries to webhooks. Safe to use from any thread."""

    def __init__(
        self,
        *,
        network: Network | None = None,
        clock: Clock | None = None,
        read_secrets: Callable[[str], tuple[Secret, ...]] = no_parameters,
    ) -> None:
        """`read_secrets` returns the secrets in an SSM parameter. Raises Unavailable, ValueError."""
        self._network = network or Network()
        self._clock = clock or SystemClock()
        self._read_secrets = read_secrets

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        """Make one attempt. Never raises for anything that the endpoint or the network does."""
        endpoint = delivery.endpoint
        try:
            deadline = Deadline(self._clock, self._network.timeout)
            body = json_codec.dumps(content_of(delivery)).encode()
            now = int(self._clock.now())
            headers = signature_headers(delivery.delivery_id, now, body, self._keys(endpoint))
            answer = self._post(endpoint.url, {**_HEADERS, **headers}, body, deadline)
        except AttemptFailed as failure:
            return DeliveryResult(Outcome.FAILED, str(failure))
        except TimeoutError:
            return DeliveryResult(Outcome.FAILED, "the endpoint did not answer in time")
        except ssl.SSLCertVerificationError:
            return DeliveryResult(Outcome.FAILED, "the certificate of the endpoint is not valid for its name")
        except ssl.SSLError:
            return DeliveryResult(Outcome.FAILED, "the endpoint does not speak TLS")
        except OSError as error:
            return DeliveryResult(Outcome.FAILED, f"the connection failed ({type(error).__name__})")
        return self._result(answer)

    def _keys(self, endpoint: Endpoint) -> list[bytes]:
        """Return the keys that sign now. Raises AttemptFailed."""
        found = endpoint.secrets
        if endpoint.secret_parameter is not None:
            try:
                found = self._read_secrets(endpoint.secret_parameter)
            except (Unavailable, ValueError):
                raise AttemptFailed("the parameter with the secret cannot be read") from None
        keys = valid_keys(found, self._clock.now())
        if not keys:
            raise AttemptFailed("the endpoint has no secret")
        return keys

    def _post(self, url: str, headers: dict[str, str], body: bytes, deadline: Deadline) -> Answer:
        network = self._network
        try:
            parts = parse_webhook_url(url, local=network.is_local)
        except ValueError as error:
            raise AttemptFailed(f"the URL {error}") from None
        try:
            found = network.resolve(parts.host, parts.port, deadline.left())
        except TimeoutError:
            raise
        except OSError:
            raise AttemptFailed("the host name cannot be resolved") from None
        addresses = checked_addresses(found, local=network.is_local)
        return post(parts, addresses, headers, body, network.tls(), deadline, self._clock)

    def _result(self, answer: Answer) -> DeliveryResult:
        reason = f"status {answer.status}"
        if 200 <= answer.status < 300:
            return DeliveryResult(Outcome.ACKNOWLEDGED, reason)
        if answer.status == 410:
            return DeliveryResult(Outcome.GONE, reason)
        return DeliveryResult(Outcome.FAILED, reason, retry_after_seconds(answer.retry_after, self._clock.now()))


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return the seconds of a `Retry-After` (RFC 9110 section 10.2.3), None if it is invalid; without a cap."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal():
        seconds = float(value[:12])
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(math.ceil(seconds), 0.0)
