"""Publishing to endpoints: endpoints, cursors, notes of lag, the deployment log, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.model.events import Event
from chalicelib.core.model.publishing import Cursor, Delivery, DeliveryResult, Endpoint, InFlight, WalkProgress


class EndpointStore(Protocol):
    """The endpoints of the deployment. Every read is strongly consistent."""

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, in the order of their creation."""
        ...

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint."""
        ...

    def is_deleted(self, endpoint_id: str) -> bool:
        """Return whether there is no endpoint with this id, also in other settings than those of this process."""
        ...

    def save(self, endpoint: Endpoint, *, walks: bool = False) -> bool:
        """Write an endpoint with `version + 1`; return False if the present version is not `endpoint.version`.

        Version 0 is a new endpoint. The state of its circuit breaker is left as it is; disabling an endpoint
        ends it. With `walks`, a walk is requested with it, so that events are published that it has missed.
        """
        ...

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint, and request a walk, which deletes its cursors and lag notes."""
        ...


class CircuitStore(Protocol):
    """The state of the circuit breakers of endpoints, and the slots of their concurrent attempts."""

    def note_success(self, endpoint_id: str, now: int) -> bool:
        """Count no failures any more; return whether this closed the circuit breaker."""
        ...

    def note_failure(self, endpoint_id: str) -> Endpoint | None:
        """Count a failure; return the endpoint as written, None if it does not exist or is disabled."""
        ...

    def open(self, endpoint_id: str, now: int, probe_at: int) -> bool:
        """Open the circuit breaker; return False if it is open, or if there are no failures to open it for."""
        ...

    def claim_probe(self, endpoint: Endpoint, probe_at: int) -> bool:
        """Move the next probe from `endpoint.probe_at` to `probe_at`; return False if another process did."""
        ...

    def take_slot(self, endpoint_id: str, slot: int, holder: str, now: int, until: int) -> bool:
        """Take one of the slots until a time; return False while it is held by another."""
        ...

    def slot_taken_at(self, endpoint_id: str, slot: int) -> int:
        """Return when a slot was taken, in milliseconds since the epoch; 0 if it is free."""
        ...

    def free_slot(self, endpoint_id: str, slot: int, holder: str) -> None:
        """Give a slot back."""
        ...


class CursorStore(Protocol):
    """Cursors by conversation and endpoint. Every read is strongly consistent."""

    def wake(self, conversation_id: str, endpoint_id: str) -> Cursor:
        """Count a wake-up, and return the cursor as written; creates it if it is missing."""
        ...

    def cursor(self, conversation_id: str, endpoint_id: str) -> Cursor | None:
        """Return a cursor."""
        ...

    def acquire(self, conversation_id: str, endpoint_id: str, lease: str, now: int, until: int) -> Cursor | None:
        """Take the lease, or extend it, and return the cursor as written.

        Returns None while it is held by another, before `retry_at`, and if it is parked or does not exist.
        """
        ...

    def note_in_flight(self, cursor: Cursor, in_flight: InFlight) -> bool:
        """Store the range before its first attempt; return False if the lease was lost."""
        ...

    def advance(self, cursor: Cursor, position: int, sent: int) -> bool:
        """Move on in `cursor.history_id`, with nothing in flight and no failures.

        Returns False if the lease or the position changed.
        """
        ...

    def note_failure(self, cursor: Cursor, *, failures: int, retry_at: int, parked_at: int) -> bool:
        """Store the outcome of a failed attempt, and release the lease; return False if it was lost.

        `own_failures`, `failing_since`, `check_at` and `is_noted` are stored as `cursor` has them.
        """
        ...

    def note_check(self, conversation_id: str, endpoint_id: str, check_at: int) -> None:
        """Store up to when a message of the queue is under way; no-op if the cursor does not exist."""
        ...

    def mark_noted(self, conversation_id: str, endpoint_id: str) -> None:
        """Store that there is a lag note; no-op if the cursor does not exist."""
        ...

    def release(self, cursor: Cursor) -> bool:
        """Release the lease if no wake-up came since `cursor` was read; return False otherwise: read again.

        Of a cursor that `is_noted`, the lag note was deleted before.
        """
        ...

    def give_up(self, cursor: Cursor) -> None:
        """Release the lease with work left; no-op if it was lost."""
        ...

    def resume(self, conversation_id: str, endpoint_id: str) -> None:
        """End the parking of a conversation, and the wait for its next attempt."""
        ...

    def hasten(self, conversation_id: str, endpoint_id: str) -> None:
        """End the wait for the next attempt of a conversation that is not parked."""
        ...

    def cursors(self, conversation_id: str) -> list[Cursor]:
        """Return the cursors of a conversation."""
        ...

    def delete(self, conversation_id: str) -> None:
        """Delete the cursors of a conversation."""
        ...

    def forget(self, conversation_id: str, endpoint_id: str) -> None:
        """Delete one cursor."""
        ...


class LagStore(Protocol):
    """Notes of conversations that could not be published to an endpoint; the sweep takes them up."""

    def note(self, endpoint_id: str, conversation_id: str) -> None:
        """Note a conversation. Idempotent."""
        ...

    def clear(self, endpoint_id: str, conversation_id: str) -> None:
        """Delete a note."""
        ...

    def lagging(self, endpoint_id: str, after: str | None, limit: int) -> list[str]:
        """Return the next conversations with a note, in the order of their ids."""
        ...


class ProgressStore(Protocol):
    """The progress of the walk, and the heartbeat of the stream."""

    def request_walk(self) -> None:
        """Request a walk of all conversations; one that is running is followed by another one."""
        ...

    def walk(self) -> WalkProgress:
        """Return the progress of the walk."""
        ...

    def save_walk(self, progress: WalkProgress, position: str, covers: int) -> bool:
        """Store a new position; return False if another process has moved it from `progress.position`."""
        ...

    def beat(self, now: int) -> None:
        """Write a row that comes back through the stream (milliseconds since the epoch)."""
        ...

    def note_beat(self, time: int, source: str) -> None:
        """Store that the row of this time came back from a source; of one source, it never moves backwards."""
        ...

    def last_beat(self, source: str) -> int:
        """Return the time of the newest row that came back, 0 if none did from this source."""
        ...


class PurgeGate(Protocol):
    """Lets the purge of a conversation wait for endpoints, and deletes their cursors with it."""

    def is_published(self, conversation_id: str) -> bool:
        """Return whether no enabled endpoint waits for events of a conversation."""
        ...

    def forget(self, conversation_id: str) -> None:
        """Delete the cursors and lag notes of a conversation."""
        ...


class DeploymentLogStore(Protocol):
    """The deployment log: events that belong to no conversation, with a separate sequence.

    An entry is first queued, in the transaction of the change that it describes, so that it costs that change no
    conflict; `append` then gives it its sequence id.
    """

    def queued(self, limit: int) -> list[tuple[str, Event]]:
        """Return the oldest queued entries by key, without sequence ids."""
        ...

    def append(self, entries: Sequence[tuple[str, Event]]) -> None:
        """Move entries to the log in one transaction. Raises WriteConflict if another process did."""
        ...

    def head(self) -> int:
        """Return the newest sequence id."""
        ...

    def event(self, sequence_id: int) -> Event | None:
        """Return an event; None: it has expired, as those do that name a participant."""
        ...

    def events(self, first: int, last: int) -> list[Event]:
        """Return those from `first` to `last` that have not expired; of the newest append, some can be missing."""
        ...


class EventSink(Protocol):
    """Carries a delivery to its endpoint."""

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        """Make one attempt. Never raises for anything that the endpoint or the network does."""
        ...


class DeliveryQueue(Protocol):
    """A queue of attempts. It may lose one or deliver it twice: cursors and notes hold all pending work."""

    def send(self, endpoint_id: str, conversation_id: str, delay: float) -> None:
        """Schedule an attempt in about `delay` seconds. Raises Unavailable."""
        ...

    def send_walk(self) -> None:
        """Schedule a part of the walk that was requested. Raises Unavailable."""
        ...
