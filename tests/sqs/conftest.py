"""Queues in memory, with time that a test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.dynamodb.sqlite_storage import SqliteStorage
from local.sqs.queues import Queues

URL = "http://127.0.0.1:1"


class Clock:
    """Seconds since the epoch, which a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queues(clock: Clock) -> Queues:
    return Queues(SqliteStorage(), URL, "us-east-1", clock)


@pytest.fixture
def call(queues: Queues) -> Callable[..., dict[str, Any]]:
    """Call an operation on the queue `jobs`, with a dead-letter queue `dead` after three receives."""
    queues.ensure_queue("dead", {})
    redrive = f'{{"deadLetterTargetArn":"{queues.arn("dead")}","maxReceiveCount":3}}'
    url = queues.ensure_queue("jobs", {"VisibilityTimeout": "30", "RedrivePolicy": redrive})

    def call(operation: str, queue: str = "jobs", **parameters: Any) -> dict[str, Any]:
        return queues.call(operation, {"QueueUrl": url.replace("jobs", queue), **parameters})

    return call
