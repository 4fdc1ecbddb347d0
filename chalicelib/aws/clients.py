"""Clients of AWS's services, with time limits of our own: the SDK's defaults are a minute for each attempt.

Store, poster and queue ask AWS by clients of our own; the SDK is loaded where none of them is meant: to read a
secret, and on one's own machine to find credentials as it always does.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.aws.sqs import TARGET as QUEUE_TARGET
from chalicelib.aws.sqs import SqsJobQueue
from chalicelib.awshttp._json_client import AwsJsonClient
from chalicelib.awshttp._sigv4 import Credentials
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.metrics import Observer

if TYPE_CHECKING:
    import botocore.session

_USUAL_REGIONS = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)(-gov)?-[a-z]+-\d")
"""Regions whose services end in `amazonaws.com`."""
_OTHER_ENDPOINTS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")


class StaticCredentials(NamedTuple):
    """Credentials."""

    access_key: str
    secret_key: str
    token: str | None


@functools.cache
def _trust() -> TlsContext:
    return TlsContext()


def dynamodb(region: str, clock: Clock) -> DynamoClient:
    """A DynamoDB client; `AWS_ENDPOINT_URL_DYNAMODB` sends it elsewhere.

    Raises Unavailable if there are no credentials.
    """
    endpoint, credentials = _endpoint("dynamodb", region), _credentials()
    return DynamoClient(AwsJsonClient(endpoint, "dynamodb", TARGET, region, credentials, clock, _trust()))


def poster(endpoint: str, region: str, clock: Clock, observer: Observer) -> ApiGatewayPoster:
    """A poster with the credentials of the environment. Raises Unavailable if there are none."""
    return ApiGatewayPoster(endpoint, region, _credentials(), clock, observer, _trust())


def job_queue(url: str, region: str, clock: Clock) -> SqsJobQueue:
    """The queue of long work; `AWS_ENDPOINT_URL_SQS` sends it elsewhere."""

    def make_service() -> AwsJsonClient:
        endpoint, credentials = _endpoint("sqs", region), _credentials()
        return AwsJsonClient(endpoint, "sqs", QUEUE_TARGET, region, credentials, clock, _trust())

    return SqsJobQueue(make_service, url)


def _endpoint(service: str, region: str) -> str:
    """Where a service is: as the environment says, at its usual name, or wherever the SDK knows it to be."""
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    named = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    if named and not ignored:
        return named
    if _USUAL_REGIONS.fullmatch(region) and not any(each in os.environ for each in _OTHER_ENDPOINTS):
        return f"https://{service}.{region}.amazonaws.com"
    endpoint: str = _session().create_client(service, region_name=region).meta.endpoint_url
    return endpoint


def _credentials() -> Callable[[], Credentials]:
    """Those of the environment, which last as long as a function's process, and else whatever the SDK finds."""
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        known = StaticCredentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
        return lambda: known
    found = _session().get_credentials()
    if found is None:
        raise Unavailable
    frozen: Callable[[], Credentials] = found.get_frozen_credentials
    return frozen


def _session() -> botocore.session.Session:
    from botocore.session import get_session

    return get_session()
