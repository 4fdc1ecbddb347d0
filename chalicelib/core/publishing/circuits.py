"""Admission of attempts to an endpoint: its circuit breaker, and the bound on concurrent attempts.

An endpoint that fails for all conversations gets one probe at a time. A claimed probe first queues the next one,
with another conversation that lags, so the chain of probes does not depend on its outcome. A success closes the
circuit breaker and resumes all conversations with a lag note.
"""

from __future__ import annotations

import functools
import logging
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.publishing import Endpoint
from chalicelib.core.ports.publishing import CircuitStore, CursorStore, DeliveryQueue, EndpointStore, LagStore
from chalicelib.core.publishing import schedule

_logger = logging.getLogger(__name__)
NOTES_PER_QUERY = 25
SLOTS_TRIED = 3
SLOT_LOOKS, SLOT_PAUSE = 4, 0.08
"""How often, and after how many seconds each, a job looks for a slot: a fast endpoint leaves one at once, and a
job that waits longer would keep a worker from other endpoints."""
DISABLED_LINE = "an endpoint was disabled"
"""The beginning of a log line, from which a deployed stage makes a metric (`infra/template/events.py`)."""
RESUMED_WITHIN = 20.0
"""Seconds for which a job resumes other conversations, after 45 s of publishing and an attempt; the sweep does the
rest. The function has 90 s."""
_ID_BYTES = 16
GONE, FAILED_FOR_LONG = "it answered 410 Gone", "it failed for three days"


class Circuits:
    """The circuit breakers and slots of all endpoints."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        circuits: CircuitStore,
        cursors: CursorStore,
        lags: LagStore,
        queue: DeliveryQueue,
        runtime: Runtime,
    ) -> None:
        self._endpoints = endpoints
        self._circuits = circuits
        self._cursors = cursors
        self._lags = lags
        self._queue = queue
        self._slots = runtime.limits.service_deliveries
        self._clock = runtime.clock
        self._gather = runtime.gather

    # ---- admission -------------------------------------------------------------------------------------

    def admits(self, endpoint: Endpoint, conversation_id: str) -> bool:
        """Return whether an attempt may be made now. If not, the conversation is noted as lagging."""
        if not endpoint.failing_since:
            return True
        if endpoint.probe_at <= milliseconds(self._clock):
            if not self._can_be_attempted(endpoint.endpoint_id, conversation_id):
                self.probe(endpoint)  # with another one: no attempt is made with this one
                return False
            if self._claim_probe(endpoint, conversation_id):
                return True
        self.note_lag(endpoint.endpoint_id, conversation_id)
        # Closing the circuit breaker resumes all that are noted; this one may have come too late for it.
        current = self._endpoints.endpoint(endpoint.endpoint_id)
        return current is not None and current.is_enabled and not current.failing_since

    def _claim_probe(self, endpoint: Endpoint, conversation_id: str) -> bool:
        delay = schedule.probe_delay(endpoint.failures)
        if not self._circuits.claim_probe(endpoint, milliseconds(self._clock) + int(delay * 1000)):
            return False
        self._queue_probe(endpoint.endpoint_id, conversation_id, delay)
        self._cursors.hasten(conversation_id, endpoint.endpoint_id)
        return True

    def _queue_probe(self, endpoint_id: str, conversation_id: str, delay: float) -> None:
        """Queue a probe with the next conversation that lags, so that one of them does not fail for all."""
        with suppress(Unavailable):
            self._queue.send(
                endpoint_id, self._next_to_attempt(endpoint_id, conversation_id) or conversation_id, delay
            )

    def probe(self, endpoint: Endpoint) -> None:
        """Queue a probe that is due and may have been lost."""
        if endpoint.probe_at <= milliseconds(self._clock):
            found = self._next_to_attempt(endpoint.endpoint_id, _any_place())
            if found is not None:
                self._queue.send(endpoint.endpoint_id, found, 0.0)

    def _next_to_attempt(self, endpoint_id: str, after: str) -> str | None:
        """Return the next conversation with a lag note that is not parked, None if there is none."""
        for found in self._noted(endpoint_id, after):
            for conversation_id in found:
                if self._can_be_attempted(endpoint_id, conversation_id):
                    return conversation_id
        return None

    def _can_be_attempted(self, endpoint_id: str, conversation_id: str) -> bool:
        cursor = self._cursors.cursor(conversation_id, endpoint_id)
        return cursor is not None and not cursor.parked_at

    def _noted(self, endpoint_id: str, begin: str) -> Iterator[list[str]]:
        """Yield pages of all conversations with a lag note, those after `begin` first."""
        after: str | None = begin
        while found := self._lags.lagging(endpoint_id, after, NOTES_PER_QUERY):
            yield found
            after = found[-1]
        after = None
        while found := self._lags.lagging(endpoint_id, after, NOTES_PER_QUERY):
            yield [conversation_id for conversation_id in found if conversation_id <= begin]
            after = found[-1]
            if after >= begin:
                return

    def note_lag(self, endpoint_id: str, conversation_id: str) -> None:
        """Note a conversation for the sweep."""
        self._lags.note(endpoint_id, conversation_id)
        self._cursors.mark_noted(conversation_id, endpoint_id)

    @contextmanager
    def slot(self, endpoint: Endpoint, holder: str, seconds: float) -> Iterator[bool]:
        """Hold one of the slots of an endpoint; yield whether there is a free one."""
        taken = self._take_slot(endpoint.endpoint_id, holder, seconds)
        try:
            yield taken is not None
        finally:
            if taken is not None:
                self._circuits.free_slot(endpoint.endpoint_id, taken, holder)

    def _take_slot(self, endpoint_id: str, holder: str, seconds: float) -> int | None:
        for look in range(SLOT_LOOKS):
            if look:
                self._clock.sleep(SLOT_PAUSE)
            now = milliseconds(self._clock)
            until = now + int((seconds + schedule.LEASE) * 1000)
            for slot in random.sample(range(self._slots), min(SLOTS_TRIED, self._slots)):
                if self._circuits.take_slot(endpoint_id, slot, holder, now, until):
                    return slot
        return None

    def put_off(self, endpoint: Endpoint, conversation_id: str) -> None:
        """Queue an attempt that found no slot again, unless a message for the conversation is under way."""
        endpoint_id, now = endpoint.endpoint_id, milliseconds(self._clock)
        cursor = self._cursors.cursor(conversation_id, endpoint_id)
        if cursor is None or cursor.check_at > now:
            return
        if not cursor.is_noted:
            self.note_lag(endpoint_id, conversation_id)
        taken_at = self._circuits.slot_taken_at(endpoint_id, secrets.randbelow(self._slots)) or now
        delay = schedule.slot_delay((now - taken_at) / 1000)
        self._queue.send(endpoint_id, conversation_id, delay)
        self._cursors.note_check(conversation_id, endpoint_id, schedule.check_at(now, delay))

    # ---- outcomes --------------------------------------------------------------------------------------

    def note_success(self, endpoint: Endpoint) -> None:
        """Close the circuit breaker, and resume all conversations."""
        now = milliseconds(self._clock)
        if schedule.notes_success(endpoint, now) and self._circuits.note_success(endpoint.endpoint_id, now):
            deadline = self._clock.monotonic() + RESUMED_WITHIN
            self.resume_all(endpoint.endpoint_id, deadline, at_once=True)

    def resume_all(self, endpoint_id: str, deadline: float, *, at_once: bool = False) -> None:
        """Queue an attempt for each conversation with a lag note, up to a deadline of the monotonic clock.

        With `at_once`, none waits for the time of its next attempt, but for those that are parked.
        """
        resume = functools.partial(self._resume, endpoint_id, at_once=at_once)
        # It begins at any place: the conversations for which no time is left are not the same each time.
        for found in self._noted(endpoint_id, _any_place()):
            self._gather(*(functools.partial(resume, conversation_id) for conversation_id in found))
            if self._clock.monotonic() >= deadline:
                return

    def _resume(self, endpoint_id: str, conversation_id: str, *, at_once: bool) -> None:
        """Queue an attempt for a lag note, unless it is parked or a message for it is under way."""
        cursor = self._cursors.cursor(conversation_id, endpoint_id)
        if cursor is None:
            self._lags.clear(endpoint_id, conversation_id)
            return
        if not cursor.is_noted:
            # After a crash, or a job that released the lease meanwhile: nothing else deletes the note.
            self._cursors.mark_noted(conversation_id, endpoint_id)
        if at_once:
            self._cursors.hasten(conversation_id, endpoint_id)
        elif schedule.is_under_way(cursor, milliseconds(self._clock)):
            return
        if not cursor.parked_at:
            self._queue.send(endpoint_id, conversation_id, 0.0)

    def note_failure(self, endpoint: Endpoint, conversation_id: str) -> None:
        """Count a failure: it may open the circuit breaker, or disable an endpoint that has failed for long."""
        current, now = self._circuits.note_failure(endpoint.endpoint_id), milliseconds(self._clock)
        if current is None:
            return
        if schedule.is_given_up(current, now):
            self.disable(current, FAILED_FOR_LONG)
        elif schedule.opens_circuit(current):
            delay = schedule.probe_delay(current.failures)
            if self._circuits.open(endpoint.endpoint_id, now, now + int(delay * 1000)):
                self._queue_probe(endpoint.endpoint_id, conversation_id, delay)

    def disable(self, endpoint: Endpoint, reason: str) -> None:
        """Disable an endpoint; its cursors stay."""
        current: Endpoint | None = endpoint
        now = milliseconds(self._clock)
        while current is not None and current.is_enabled:
            if self._endpoints.save(current._replace(disabled_at=now, disabled_reason=reason)):
                _logger.error(f"{DISABLED_LINE}: %s", reason)
                return
            current = self._endpoints.endpoint(endpoint.endpoint_id)


def _any_place() -> str:
    """Return a random place in the order of conversations."""
    return f"conv_{secrets.token_urlsafe(_ID_BYTES)}"
