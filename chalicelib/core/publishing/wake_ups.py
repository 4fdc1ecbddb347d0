"""Wake-ups: conversations, or the deployment log, that may have something to publish.

Each one is counted, but a busy conversation gets no message for each: while its cursor is leased and a message for
after the lease is under way, the holder of the lease sees the counter.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.publishing import Endpoint
from chalicelib.core.ports.publishing import CursorStore, DeliveryQueue, EndpointStore
from chalicelib.core.publishing import schedule

_AT_ONCE = 25
"""Calls in parallel."""


class WakeUps:
    """Counts wake-ups in the cursors, and queues attempts."""

    def __init__(
        self, *, endpoints: EndpointStore, cursors: CursorStore, queue: DeliveryQueue, runtime: Runtime
    ) -> None:
        self._endpoints = endpoints
        self._cursors = cursors
        self._queue = queue
        self._gather = runtime.gather
        self._clock = runtime.clock

    def wake(self, conversation_ids: Iterable[str]) -> None:
        """Wake conversations for all enabled endpoints; the counters are durable before anything is queued.

        Raises Unavailable: it is to be repeated.
        """
        enabled = {
            endpoint.endpoint_id: endpoint for endpoint in self._endpoints.endpoints() if endpoint.is_enabled
        }
        self._wake(((each, other) for each in dict.fromkeys(conversation_ids) for other in enabled), enabled)

    def wake_pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Wake conversations, each for one endpoint. Raises Unavailable."""
        self._wake(pairs, {})

    def _wake(self, pairs: Iterable[tuple[str, str]], endpoints: Mapping[str, Endpoint]) -> None:
        woken = list(pairs)
        for start in range(0, len(woken), _AT_ONCE):
            batch = woken[start : start + _AT_ONCE]
            cursors = self._gather(*(functools.partial(self._cursors.wake, *pair) for pair in batch))
            now = milliseconds(self._clock)
            sends = [
                functools.partial(self._queue.send, each.endpoint_id, each.conversation_id, 0.0)
                for each in cursors
                if not schedule.is_under_way(each, now)
                and not schedule.is_resumed_by_a_probe(each, endpoints.get(each.endpoint_id), now)
            ]
            self._gather(*sends)
