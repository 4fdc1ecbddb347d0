"""Events that leave a local instance: the stream, and the queue of deliveries with its workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.dynamodb.feed import Feed
from local.queue import QueueSettings, Worker
from local.stream import MappingSettings, Stream

DELIVERIES = QueueSettings(name="chat-local-deliveries", visibility_timeout=90)
"""A run of the function publishes for 45 s, and one more attempt."""
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

    def send(note: str) -> None:
        (stream_client or client).send_message(QueueUrl=url, MessageBody=note)

    with contextlib.ExitStack() as stack:
        for _ in range(CONCURRENCY):
            stack.enter_context(Worker(deliver, client, url, DELIVERIES))
        stack.enter_context(Stream(publish, feed, table, send, MappingSettings(pattern)))
        yield
