"""The clients of AWS services, created from settings and the environment, with short timeouts.

DynamoDB, API Gateway and SQS are called with `awshttp`. The SDK is loaded only for what no message needs: to read
a secret parameter, to find credentials that are not in the environment, and to find endpoints with unusual names.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.aws import sqs
from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.aws.dynamodb import client
from chalicelib.awshttp import AwsJsonClient, Credentials, TlsContext
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.metrics import Observer

if TYPE_CHECKING:
    import botocore.session

    from chalicelib.aws.eventbridge import EventBridgeSink
    from chalicelib.aws.lambda_hook import LambdaHook

_STANDARD_REGIONS = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)(-gov)?-[a-z]+-\d")
"""Regions whose endpoints end in `amazonaws.com`."""
_ENDPOINT_VARIANTS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")


class StaticCredentials(NamedTuple):
    """Credentials that do not expire while the process lives."""

    access_key: str
    secret_key: str
    token: str | None


@functools.cache
def _tls() -> TlsContext:
    """Return the one TLS context of the process: loading certificate authorities is expensive."""
    return TlsContext()


def dynamodb(region: str, clock: Clock) -> client.DynamoClient:
    """Return a client of DynamoDB, or of `AWS_ENDPOINT_URL_DYNAMODB`. Raises Unavailable without credentials."""
    endpoint, credentials = _endpoint("dynamodb", region), _credentials()
    service = AwsJsonClient(endpoint, "dynamodb", client.TARGET, region, credentials, clock, _tls())
    return client.DynamoClient(service)


def poster(endpoint: str, region: str, clock: Clock, observer: Observer) -> ApiGatewayPoster:
    """Return a poster to the WebSocket API at `endpoint`. Raises Unavailable without credentials."""
    return ApiGatewayPoster(endpoint, region, _credentials(), clock, observer, _tls())


def job_queue(url: str, region: str, clock: Clock) -> sqs.SqsJobQueue:
    """Return the job queue at `url`; requests go to SQS, or to `AWS_ENDPOINT_URL_SQS`."""
    return sqs.SqsJobQueue(functools.partial(_sqs, region, clock), url)


def delivery_queue(url: str, region: str, clock: Clock) -> sqs.SqsDeliveryQueue:
    """Return the queue of attempts to publish events at `url`."""
    return sqs.SqsDeliveryQueue(functools.partial(_sqs, region, clock), url)


def _sqs(region: str, clock: Clock) -> AwsJsonClient:
    endpoint, credentials = _endpoint("sqs", region), _credentials()
    return AwsJsonClient(endpoint, "sqs", sqs.TARGET, region, credentials, clock, _tls())


def event_bus(stage: str, region: str, clock: Clock) -> EventBridgeSink:
    """Return the sink of EventBridge; requests go to it, or to `AWS_ENDPOINT_URL_EVENTS`."""
    from chalicelib.aws import eventbridge

    def create_service() -> AwsJsonClient:
        endpoint, credentials = _endpoint("events", region), _credentials()
        target = eventbridge.TARGET
        return AwsJsonClient(
            endpoint, "events", target, region, credentials, clock, _tls(), json_version=eventbridge.JSON_VERSION
        )

    return eventbridge.EventBridgeSink(create_service, stage, clock)


def hook(name: str, region: str, clock: Clock, timeout: float) -> LambdaHook:
    """Return the hook that is the Lambda function `name`, or its ARN; `timeout` bounds each call, in seconds."""
    from chalicelib.aws.lambda_hook import LambdaHook

    return LambdaHook(_endpoint("lambda", region), name, region, _credentials(), clock, _tls(), timeout)


def _endpoint(service: str, region: str) -> str:
    """Return the endpoint of a service: as the environment sets it, by its usual name, or as the SDK knows it."""
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    configured = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    if configured and not ignored:
        return configured
    if _STANDARD_REGIONS.fullmatch(region) and not any(name in os.environ for name in _ENDPOINT_VARIANTS):
        return f"https://{service}.{region}.amazonaws.com"
    endpoint: str = _session().create_client(service, region_name=region).meta.endpoint_url
    return endpoint


def _credentials() -> Callable[[], Credentials]:
    """Return what returns the current credentials: those of the environment, or else what the SDK finds."""
    access_key, secret_key = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        static = StaticCredentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN") or None)
        return lambda: static
    found = _session().get_credentials()
    if found is None:
        raise Unavailable
    get_frozen: Callable[[], Credentials] = found.get_frozen_credentials
    return get_frozen


def _session() -> botocore.session.Session:
    from botocore.session import get_session

    return get_session()
