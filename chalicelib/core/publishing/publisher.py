"""One job of the delivery queue: publishing a conversation to an endpoint, batch by batch.

The range of a delivery is stored in the cursor before its first attempt, and stays until it is acknowledged. So an
attempt is repeated with the same id, first, last and previous sequence id; only the contents of its events can
have changed, by an erasure, a deletion or an expiry; those of a deleted conversation leave without contents. The
cursor then moves on by condition. The lease outlasts an attempt, so deliveries of one conversation do not overtake
each other. It is released only if no wake-up came since the last read of the log; otherwise the log is read again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum

from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.events import Event
from chalicelib.core.model.notify import NotifyList
from chalicelib.core.model.publishing import Cursor, Endpoint, InFlight
from chalicelib.core.ports.publishing import CursorStore, DeliveryQueue, EndpointStore, LagStore
from chalicelib.core.publishing import schedule
from chalicelib.core.publishing.attempts import Attempts
from chalicelib.core.publishing.circuits import Circuits
from chalicelib.core.publishing.logs import (
    MAX_EVENTS,
    Logs,
    PublishedLog,
    events_in,
    is_older,
    range_after,
    received,
    start_of,
)
from chalicelib.core.publishing.notify import Notify

GAP_DELAY = 1.0
"""Seconds until a log is read again whose next event is not readable yet."""
LOG_RESET = "log_reset"


class _Next(Enum):
    READ_AGAIN = "read again"
    DONE = "done"


class Publisher:
    """Publishes conversations to endpoints."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        cursors: CursorStore,
        lags: LagStore,
        circuits: Circuits,
        logs: Logs,
        attempts: Attempts,
        notify: Notify,
        queue: DeliveryQueue,
        runtime: Runtime,
    ) -> None:
        self._endpoints = endpoints
        self._cursors = cursors
        self._lags = lags
        self._circuits = circuits
        self._logs = logs
        self._attempts = attempts
        self._notify = notify
        self._queue = queue
        self._clock = runtime.clock
        self._history_id = runtime.history_id

    def run(self, endpoint_id: str, conversation_id: str, seconds: float) -> None:
        """Publish a conversation to an endpoint for about `seconds`; an attempt can take 15 seconds more.

        Raises Unavailable and ConversationBusy: the job is to be repeated. If it is given up, there is a lag note.
        """
        try:
            self._run(endpoint_id, conversation_id, seconds)
        except Exception:
            with suppress(ChatError):
                self._circuits.note_lag(endpoint_id, conversation_id)
            raise

    def _run(self, endpoint_id: str, conversation_id: str, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        endpoint = self._endpoints.endpoint(endpoint_id)
        if endpoint is None:
            if self._endpoints.is_deleted(endpoint_id):
                self._forget(endpoint_id, conversation_id)
            else:
                self._circuits.note_lag(endpoint_id, conversation_id)
            return
        if not endpoint.is_enabled or not self._circuits.admits(endpoint, conversation_id):
            return
        holder = secrets.token_urlsafe(9)
        with self._circuits.slot(endpoint, holder, seconds) as is_free:
            if not is_free:
                self._circuits.put_off(endpoint, conversation_id)
                return
            while self._publish(endpoint_id, conversation_id, holder) is _Next.READ_AGAIN:
                if self._clock.monotonic() >= deadline:
                    self._continue_later(conversation_id, endpoint_id, holder)
                    return

    def _publish(self, endpoint_id: str, conversation_id: str, holder: str) -> _Next:
        """Make one step: an attempt, or events that the endpoint does not receive, or the end."""
        endpoint = self._endpoints.endpoint(endpoint_id)
        cursor = self._attempts.acquire(conversation_id, endpoint_id, holder)
        if cursor is None:
            self._check_later(conversation_id, endpoint_id)
            return _Next.DONE
        if endpoint is None or not endpoint.is_enabled:
            self._cursors.give_up(cursor)
            return _Next.DONE
        log = self._logs.open(conversation_id)
        if cursor.history_id != str(self._history_id):
            return self._enter_history(endpoint, cursor, log)
        if log is None:
            self._forget(endpoint_id, conversation_id)
            return _Next.DONE
        return self._publish_next(endpoint, cursor, log)

    def _publish_next(self, endpoint: Endpoint, cursor: Cursor, log: PublishedLog) -> _Next:
        if cursor.in_flight is not None:
            found = events_in(log, cursor.in_flight)
            if found is None:
                return self._wait_for_gap(cursor)
            wanted = received(found, endpoint)
            if not wanted:  # the types of the endpoint were changed
                return self._advance(cursor, log, cursor.in_flight.last, cursor.sent)
            notify = self._notify.lists_of_repeat(endpoint, log, cursor.in_flight, wanted)
            return self._deliver(endpoint, cursor, log, cursor.in_flight, wanted, notify)
        if cursor.position >= log.head:
            return self._finish(cursor)
        events, position = log.after(cursor.position, MAX_EVENTS)
        if position == cursor.position:
            return self._wait_for_gap(cursor)
        in_flight = range_after(events, endpoint, cursor.sent)
        if in_flight is None:
            return self._advance(cursor, log, position, cursor.sent)
        wanted = received(events, endpoint)
        in_flight, notify = self._notify.decide(endpoint, log, in_flight, wanted)
        if not self._cursors.note_in_flight(cursor, in_flight):
            return _Next.DONE
        wanted = [event for event in wanted if event["sequence_id"] <= in_flight.last]
        return self._deliver(endpoint, cursor, log, in_flight, wanted, notify)

    def _deliver(
        self,
        endpoint: Endpoint,
        cursor: Cursor,
        log: PublishedLog,
        in_flight: InFlight,
        events: Sequence[Event],
        notify: Sequence[NotifyList],
    ) -> _Next:
        if not self._attempts.make(endpoint, cursor, in_flight, events, notify, is_thin=log.is_deleted):
            return _Next.DONE
        following = self._advance(cursor, log, in_flight.last, in_flight.last)
        self._circuits.note_success(endpoint)
        return following

    def _advance(self, cursor: Cursor, log: PublishedLog | None, position: int, sent: int) -> _Next:
        """Move on. At the head of the log as it was read, that is the end, unless a wake-up came since."""
        if not self._cursors.advance(cursor, position, sent):
            return _Next.DONE
        return _Next.READ_AGAIN if log is None or position < log.head else self._finish(cursor)

    # ---- histories -------------------------------------------------------------------------------------

    def _enter_history(self, endpoint: Endpoint, cursor: Cursor, log: PublishedLog | None) -> _Next:
        """Begin a new cursor, or continue one of an older history below what both have in common."""
        if not cursor.history_id:
            return self._begin(endpoint, cursor, log)
        if HistoryId.parse(cursor.history_id).is_newer_than(self._history_id):
            # This process has an old configuration: one with the new one publishes the conversation.
            self._circuits.note_lag(cursor.endpoint_id, cursor.conversation_id)
            self._cursors.give_up(cursor)
            return _Next.DONE
        # Not the present head: events since the restore replace those that the endpoint has above it.
        return self._reset(endpoint, cursor, log, 0 if log is None else min(cursor.position, log.head))

    def _begin(self, endpoint: Endpoint, cursor: Cursor, log: PublishedLog | None) -> _Next:
        if log is None:
            self._forget(cursor.endpoint_id, cursor.conversation_id)
            return _Next.DONE
        start = start_of(log, endpoint)
        if is_older(endpoint, log, self._history_id.began_at):
            # Its first delivery may have been after the moment of the backup, which has no cursor for it then.
            return self._reset(endpoint, cursor, log, start)
        return self._advance(cursor._replace(history_id=str(self._history_id)), log, start, 0)

    def _reset(self, endpoint: Endpoint, cursor: Cursor, log: PublishedLog | None, head: int) -> _Next:
        """Deliver `log_reset`, which is the same at each attempt, and continue at `head`."""
        reset: Event = {
            "type": LOG_RESET,
            "conversation_id": cursor.conversation_id,
            "created_at": rfc3339(self._history_id.began_at),
            "history_id": str(self._history_id),
            "head": head,
        }
        if not self._attempts.make(endpoint, cursor, InFlight(0, head, cursor.sent), [reset]):
            return _Next.DONE
        reached = cursor._replace(history_id=str(self._history_id))
        following = self._advance(reached, log, head, min(cursor.sent, head))
        self._circuits.note_success(endpoint)
        return following

    # ---- lease -----------------------------------------------------------------------------------------

    def _finish(self, cursor: Cursor) -> _Next:
        """Release the lease, unless a wake-up came since the log was read."""
        if cursor.is_noted:
            self._lags.clear(cursor.endpoint_id, cursor.conversation_id)
        return _Next.DONE if self._cursors.release(cursor) else _Next.READ_AGAIN

    def _continue_later(self, conversation_id: str, endpoint_id: str, holder: str) -> None:
        self._cursors.give_up(Cursor(conversation_id, endpoint_id, lease=holder))
        self._queue.send(endpoint_id, conversation_id, 0.0)

    def _wait_for_gap(self, cursor: Cursor) -> _Next:
        """Read the log again soon: a commit is in progress (L4)."""
        self._cursors.give_up(cursor)
        self._queue.send(cursor.endpoint_id, cursor.conversation_id, GAP_DELAY)
        return _Next.DONE

    def _check_later(self, conversation_id: str, endpoint_id: str) -> None:
        """Queue a job for after the lease of another holder, which may crash, or for the next attempt.

        One message at a time is under way for it, however many wake-ups there are.
        """
        cursor, now = self._cursors.cursor(conversation_id, endpoint_id), milliseconds(self._clock)
        if cursor is None or cursor.parked_at or cursor.check_at > now:
            return
        due_at = max(cursor.retry_at, cursor.lease_until + int(schedule.LEASE_MARGIN * 1000), now + 1000)
        delay = min((due_at - now) / 1000, MAX_DELAY)
        self._queue.send(endpoint_id, conversation_id, delay)
        self._cursors.note_check(conversation_id, endpoint_id, schedule.check_at(now, delay))

    def _forget(self, endpoint_id: str, conversation_id: str) -> None:
        """Delete the cursor and the note of an endpoint or a conversation that does not exist any more."""
        self._lags.clear(endpoint_id, conversation_id)
        self._cursors.forget(conversation_id, endpoint_id)
