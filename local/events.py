"""Events that leave a local instance: the stream, and the queue of deliveries with its workers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.dynamodb.feed import Feed
from local.queue import QueueSettings, Worker
from local.stream import MappingSettings, Stream

DELIVERIES = QueueSettings(name="chat-local-deliveries", visibility_timeout=90)
"""A run of the function publishes for 45 s, and one more attempt."""
CHANGES = QueueSettings(name="chat-local-changes")
"""The queue by which the process of the store hands changes to that of the functions, if they are two."""
CHANGES_QUEUE = "LOCAL_CHANGES_QUEUE"
"""The variable with its URL."""
CONCURRENCY = 3
"""Deliveries at a time, as in a deployed stage by default."""

Function = Callable[[dict[str, Any], Any], object]


@contextlib.contextmanager
def publishing(
    publish: Function,
    deliver: Function,
    *,
    feed: Feed,
    table: str,
    client: Any,
    url: str,
    pattern: Mapping[str, Any],
    stream_client: Any = None,
) -> Iterator[None]:
    """Call both functions for the context: for the changes of a table, and for the messages of the queue at `url`.

    `pattern` is the filter of the stream. `stream_client` sends what the stream gives up, if not `client`.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_delivering(deliver, client, url))
        stack.enter_context(_stream(publish, feed, table, stream_client or client, url, pattern))
        yield


@contextlib.contextmanager
def relaying(feed: Feed, table: str, client: Any, changes_url: str, url: str) -> Iterator[None]:
    """Send the changes of a table to a queue for the context, for functions in another process."""
    from chalicelib.aws.dynamodb.stream import FILTER  # noqa: PLC0415  (few instances publish events)

    def relay(event: dict[str, Any], _context: object) -> None:
        client.send_message(QueueUrl=changes_url, MessageBody=json.dumps(event))

    with _stream(relay, feed, table, client, url, FILTER):
        yield


@contextlib.contextmanager
def publishing_relayed(
    publish: Function, deliver: Function, *, client: Any, changes_url: str, url: str
) -> Iterator[None]:
    """Call both functions for the context, with the changes that another process relays."""

    def publish_relayed(event: dict[str, Any], context: object) -> None:
        for record in event["Records"]:
            publish(json.loads(record["body"]), context)

    with _delivering(deliver, client, url), Worker(publish_relayed, client, changes_url, CHANGES):
        yield


def _stream(
    publish: Function, feed: Feed, table: str, client: Any, url: str, pattern: Mapping[str, Any]
) -> Stream:
    """Return the stream of a table, which sends what it gives up to the queue at `url`."""

    def send(note: str) -> None:
        client.send_message(QueueUrl=url, MessageBody=note)

    return Stream(publish, feed, table, send, MappingSettings(pattern))


@contextlib.contextmanager
def _delivering(deliver: Function, client: Any, url: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(CONCURRENCY):
            stack.enter_context(Worker(deliver, client, url, DELIVERIES))
        yield
