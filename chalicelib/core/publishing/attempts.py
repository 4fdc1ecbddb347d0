"""Attempts to deliver, and the consequences of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from chalicelib.core.kernel.clock import from_rfc3339, milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.events import Event
from chalicelib.core.model.notify import NotifyList
from chalicelib.core.model.publishing import (
    ATTEMPT_TIMEOUT,
    Cursor,
    Delivery,
    DeliveryResult,
    Endpoint,
    InFlight,
    Outcome,
)
from chalicelib.core.ports.publishing import CursorStore, DeliveryQueue, EventSink, LagStore
from chalicelib.core.publishing import schedule
from chalicelib.core.publishing.circuits import GONE, Circuits
from chalicelib.core.publishing.logs import delivery_id


class Attempts:
    """Makes attempts with the lease of a cursor."""

    def __init__(
        self,
        *,
        cursors: CursorStore,
        lags: LagStore,
        circuits: Circuits,
        sink: EventSink,
        queue: DeliveryQueue,
        runtime: Runtime,
    ) -> None:
        self._cursors = cursors
        self._lags = lags
        self._circuits = circuits
        self._sink = sink
        self._queue = queue
        self._clock = runtime.clock
        self._observer = runtime.observer
        self._history_id = str(runtime.history_id)
        self._failures_to_park = runtime.limits.service_delivery_failures

    def acquire(self, conversation_id: str, endpoint_id: str, holder: str) -> Cursor | None:
        """Take the lease, or extend it, by so much that it outlasts an attempt."""
        now = milliseconds(self._clock)
        until = now + int(schedule.LEASE * 1000)
        return self._cursors.acquire(conversation_id, endpoint_id, holder, now, until)

    def make(
        self,
        endpoint: Endpoint,
        cursor: Cursor,
        in_flight: InFlight,
        events: Sequence[Event],
        notify: Sequence[NotifyList] = (),
        *,
        is_thin: bool = False,
    ) -> bool:
        """Make an attempt; return whether it was acknowledged. If not, the lease is released.

        With `is_thin`, the contents are withheld from any endpoint.
        """
        needed = int((ATTEMPT_TIMEOUT + schedule.LEASE_MARGIN) * 1000)
        if cursor.lease_until - milliseconds(self._clock) < needed and not self._extend(cursor):
            return False
        conversation_id = cursor.conversation_id
        result = self._sink.deliver(
            Delivery(
                delivery_id=delivery_id(self._history_id, conversation_id, in_flight.first, in_flight.last),
                endpoint=endpoint._replace(is_thin=endpoint.is_thin or is_thin),
                conversation_id=conversation_id,
                history_id=self._history_id,
                previous_sequence_id=in_flight.previous,
                events=events,
                attempt=cursor.failures + 1,
                notify=notify,
            )
        )
        self._observer.count(Metric.PUBLISHING_LAG, self._lag(endpoint, cursor, events[0]))
        if result.outcome is Outcome.ACKNOWLEDGED:
            return True
        if result.outcome is Outcome.GONE:
            self._circuits.disable(endpoint, GONE)
            self._cursors.give_up(cursor)
        else:
            self._put_off(endpoint, cursor, result)
        return False

    def _lag(self, endpoint: Endpoint, cursor: Cursor, oldest: Event) -> float:
        """Return for how many seconds the oldest event of an attempt has waited."""
        now = self._clock.now()
        if "sequence_id" in oldest:
            # Events from before an endpoint, or from a pause of it, wait since it began, or continued.
            begun_at = max(endpoint.created_at, endpoint.enabled_at) / 1000
            waits_since = max(from_rfc3339(oldest["created_at"]), begun_at)
        else:
            # `log_reset` has the time of the restore, also if the conversation is first active a year later.
            waits_since = cursor.failing_since / 1000 or now
        return max(now - waits_since, 0.0)

    def _extend(self, cursor: Cursor) -> bool:
        return self.acquire(cursor.conversation_id, cursor.endpoint_id, cursor.lease or "") is not None

    def _put_off(self, endpoint: Endpoint, cursor: Cursor, result: DeliveryResult) -> None:
        """Put the next attempt off. The note and the message come first: a crash leaves both, and the lease."""
        now = milliseconds(self._clock)
        failures, own_failures = cursor.failures + 1, schedule.own_failures_after(cursor, endpoint)
        is_parked = own_failures >= self._failures_to_park
        delay = schedule.retry_delay(failures, result.retry_after)
        self._lags.note(cursor.endpoint_id, cursor.conversation_id)
        check_at = 0 if is_parked else self._queue_attempt(cursor, now, delay)
        failed = cursor._replace(
            own_failures=own_failures,
            failing_since=cursor.failing_since or now,
            check_at=check_at,
            is_noted=True,
        )
        self._cursors.note_failure(
            failed, failures=failures, retry_at=now + int(delay * 1000), parked_at=now if is_parked else 0
        )
        self._circuits.note_failure(endpoint, cursor.conversation_id)

    def _queue_attempt(self, cursor: Cursor, now: int, delay: float) -> int:
        """Queue an attempt; return up to when its message is under way, 0 if the sweep is to find the note."""
        delay = min(delay, MAX_DELAY)
        with suppress(Unavailable):
            self._queue.send(cursor.endpoint_id, cursor.conversation_id, delay)
            return schedule.check_at(now, delay)
        return 0
