"""Publishing to endpoints: endpoints, cursors, notes of lag, the deployment log, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.model.events import Event
from chalicelib.core.model.publishing import Cursor, Delivery, DeliveryResult, Endpoint, InFlight


class EndpointStore(Protocol):
    """The endpoints of the deployment. Every read is strongly consistent."""

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, in the order of their creation."""
        ...

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint."""
        ...

    def save(self, endpoint: Endpoint) -> bool:
        """Write an endpoint with `version + 1`; return False if the present version is not `endpoint.version`.

        Version 0 is a new endpoint.
        """
        ...

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint. Its cursors are deleted by the sweep."""
        ...


class CursorStore(Protocol):
    """Cursors by conversation and endpoint. Every read is strongly consistent."""

    def wake(self, conversation_id: str, endpoint_id: str) -> None:
        """Count a wake-up; creates the cursor if it is missing."""
        ...

    def acquire(self, conversation_id: str, endpoint_id: str, lease: str, now: int, until: int) -> Cursor | None:
        """Take the lease and return the cursor as written, or None while it is held by another."""
        ...

    def note_in_flight(self, cursor: Cursor, in_flight: InFlight) -> bool:
        """Store the range before its first attempt; return False if the lease was lost."""
        ...

    def advance(self, cursor: Cursor, position: int, sent: int) -> bool:
        """Move on, with nothing in flight and no failures; return False if the lease or the position changed."""
        ...

    def note_failure(self, cursor: Cursor, *, failures: int, retry_at: int, parked_at: int) -> bool:
        """Store the outcome of a failed attempt, and release the lease; return False if it was lost."""
        ...

    def release(self, cursor: Cursor) -> bool:
        """Release the lease if no wake-up came since `cursor` was read; return False otherwise: read again."""
        ...

    def resume(self, conversation_id: str, endpoint_id: str) -> None:
        """End the parking of a conversation, and the wait for its next attempt."""
        ...

    def cursors(self, conversation_id: str) -> list[Cursor]:
        """Return the cursors of a conversation."""
        ...

    def delete(self, conversation_id: str) -> None:
        """Delete the cursors of a conversation."""
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


class DeploymentLogStore(Protocol):
    """The deployment log: events that belong to no conversation, with a sequence of their own.

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

    def events(self, first: int, last: int) -> list[Event]:
        """Return the events from `first` to `last`, as far as they are contiguous."""
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
