"""The SDK's clients, with time limits of our own: the defaults are a minute for each attempt."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config

from chalicelib.core.clock import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.core.ports import Observer

from .poster import CallbackPoster
from .queue import SqsWorkQueue

DYNAMODB = Config(
    connect_timeout=1,
    read_timeout=3,
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
    parameter_validation=False,
)

SQS = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})


def dynamodb(region: str) -> Any:
    """A DynamoDB client; `AWS_ENDPOINT_URL_DYNAMODB` sends it elsewhere."""
    return _session().create_client("dynamodb", region_name=region, config=DYNAMODB)


def poster(endpoint: str, region: str, clock: Clock, observer: Observer) -> CallbackPoster:
    """A poster with the credentials of the environment. Raises Unavailable if there are none."""
    credentials = _session().get_credentials()
    if credentials is None:
        raise Unavailable
    return CallbackPoster(endpoint, region, credentials.get_frozen_credentials, clock, observer)


def work_queue(url: str, region: str) -> SqsWorkQueue:
    """The queue of long work; `AWS_ENDPOINT_URL_SQS` sends it elsewhere."""
    return SqsWorkQueue(_session().create_client("sqs", region_name=region, config=SQS), url)


def _session() -> botocore.session.Session:
    return botocore.session.get_session()
