"""Reading a log without gaps.

The head is read first, then the events up to it, both strongly consistent. But DynamoDB's Query is only
read-committed with respect to transactions (developer guide, "Transaction isolation levels"): it may return half
of an append that is being committed. So a reader is never served events beyond the first missing one (L4).

Events are returned as they were appended, messages in their current form: edited, with reactions, deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.event_log import EventLogStore

T = TypeVar("T")
_READ_ATTEMPTS = 5
_RETRY_DELAY = 0.01
_MAX_SPAN = 200
"""Events that are read at once in search of messages."""


class Page(NamedTuple):
    """A contiguous part of a log, in ascending order."""

    events: list[Event]
    has_more: bool
    """Whether there are more in the direction of the request."""
    head: int
    """The sequence id of the newest readable event."""


class LogReader:
    """Reads logs."""

    def __init__(self, *, event_log: EventLogStore, runtime: Runtime) -> None:
        self._event_log = event_log
        self._clock = runtime.clock

    def events_after(self, head: Head, after: int, limit: int) -> Page:
        """Return up to `limit` events after `after`; a gap ends the page early, with `has_more`."""
        if after >= head.sequence_id:
            return Page([], has_more=False, head=head.sequence_id)
        last = min(after + limit, head.sequence_id)
        events: list[Event] = []
        for _ in range(_READ_ATTEMPTS):
            for stored in self._event_log.events(head.conversation_id, after + 1, last):
                if stored.event["sequence_id"] != after + 1 + len(events):
                    break
                events.append(stored.event)
            if events:
                break
            self._clock.sleep(_RETRY_DELAY)
        return Page(events, has_more=after + len(events) < head.sequence_id, head=head.sequence_id)

    def latest_events(self, head: Head, limit: int) -> Page:
        """Return the newest `limit` events, contiguous up to `Page.head`."""
        first = max(head.sequence_id - limit + 1, 1)
        events, last = self._contiguous(head, first, head.sequence_id)
        return Page([stored.event for stored in events], has_more=first > 1, head=last)

    def messages_before(self, head: Head, before: int | None, limit: int) -> Page:
        """Return up to `limit` messages before `before`, or the newest ones."""
        last = head.sequence_id if before is None else min(before - 1, head.sequence_id)
        messages: list[StoredEvent] = []
        span = limit
        while last >= 1 and len(messages) < limit:
            first = max(last - span + 1, 1)
            events, _ = self._contiguous(head, first, last)
            found = [stored for stored in events if stored.event["type"] == "message"]
            messages = found[-(limit - len(messages)) :] + messages
            last, span = first - 1, min(span * 2, _MAX_SPAN)
        has_older = bool(messages) and messages[0].message_count > 1
        return Page([stored.current for stored in messages], has_more=has_older, head=head.sequence_id)

    def messages_after(self, head: Head, after: int, limit: int) -> Page:
        """Return up to `limit` messages after `after`; a gap ends the page early, with `has_more`."""
        messages: list[Event] = []
        position, message_count = after, 0
        while position < head.sequence_id and len(messages) < limit:
            first, last = position + 1, min(position + limit, head.sequence_id)
            for stored in self._event_log.events(head.conversation_id, first, last):
                if stored.event["sequence_id"] != position + 1 or len(messages) == limit:
                    break
                position += 1
                message_count = stored.message_count
                if stored.event["type"] == "message":
                    messages.append(stored.current)
            if position < first:
                return Page(messages, has_more=True, head=head.sequence_id)
        has_newer = position < head.sequence_id and message_count < head.message_count
        return Page(messages, has_more=has_newer, head=head.sequence_id)

    def _contiguous(self, head: Head, first: int, last: int) -> tuple[list[StoredEvent], int]:
        """Return the events from `first` to `last` in ascending order, and the sequence id of the newest.

        A read with a gap is repeated. If the gap stays, only the events below it are returned.
        """
        events: list[StoredEvent] = []
        for _ in range(_READ_ATTEMPTS):
            events = list(self._event_log.events(head.conversation_id, first, last, descending=True))[::-1]
            if len(events) == last - first + 1:
                return events, last
            self._clock.sleep(_RETRY_DELAY)
        whole = [stored for index, stored in enumerate(events) if stored.event["sequence_id"] == first + index]
        return whole, first + len(whole) - 1


def take_within_budget(values: Sequence[T], budget: int, *, newest: bool = False) -> list[T]:
    """Return as many values from the beginning (from the end, if `newest`) as fit into `budget` bytes of JSON."""
    taken: list[T] = []
    for value in reversed(values) if newest else values:
        budget -= json_codec.size(value) + 1
        if budget < 0:
            break
        taken.append(value)
    return taken[::-1] if newest else taken
