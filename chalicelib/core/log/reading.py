"""Reading a log without gaps.

The head is read first, then the events up to it, both strongly consistent. But DynamoDB's Query is only
read-committed with respect to transactions (developer guide, "Transaction isolation levels"): it may return half
of an append that is being committed. So a reader is never served events beyond the first missing one (L4).

Events are returned as they were appended, messages in their current form: edited, with reactions, deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple, TypeVar

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.event_sizes import ITEM_OVERHEAD, EventSizes
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.event_log import EventLogStore

T = TypeVar("T")
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""A Lambda function may return 6 MB (quotas), in which this JSON is escaped once more."""
SLACK = 240 * 1024
"""The bytes that a request reads besides twice the size of its answer."""
_READ_ATTEMPTS = 5
_RETRY_DELAY = 0.01
_MAX_SPAN = 200
"""Events that are read at once in search of messages."""
_MAX_QUERIES = 6
"""The queries for one page; then it is short. Events of usual sizes need one."""


class Page(NamedTuple):
    """A contiguous part of a log, in ascending order."""

    events: list[Event]
    has_more: bool
    """Whether there are more in the direction of the request."""
    head: int
    """The sequence id of the newest readable event."""
    position: int = 0
    """The event before or after which the next page begins, if there are more."""


class ReadBudget:
    """The bytes that may be read for one page: twice the size of the answer, and the slack.

    An event whose size is not known, or whose state is larger than the event, counts as if nothing of it were
    answered, until it has been read.
    """

    def __init__(
        self, head: Head, slack: int = SLACK, room: int = MAX_RESPONSE_BYTES, *, is_filtered: bool = False
    ) -> None:
        """`room` is the size of the answer; of a filtered log, nothing of an event may be in it."""
        self._sizes = EventSizes(head.event_sizes)
        self._slack = slack
        self._room = room
        self._is_filtered = is_filtered
        self._balance = 0
        self.queries = 0

    def count(self, first: int, step: int, most: int) -> int:
        """Return how many events to read from `first` on, upwards or downwards; 0 if the page is to end.

        The first query reads one event at least, unless several pages share the slack.
        """
        if self.queries >= _MAX_QUERIES or self._room <= 0:
            return 0
        slack, room = self._slack + self._balance, 0 if self._is_filtered else self._room
        for number in range(most):
            size = self._sizes.of(first + number * step)
            if size.is_plain and size.bytes <= room:
                room -= size.bytes
            else:
                slack -= size.bytes
            if slack < 0:
                return max(number, 0 if self.queries or self._slack < SLACK else 1)
        return most

    def add(self, events: Sequence[StoredEvent], answered: Sequence[Event]) -> None:
        """Count the events that a query has read, and those that are answered."""
        self.queries += 1
        read = sum(stored_size(event) for event in events)
        size = min(sum(map(json_codec.size, answered)), self._room)
        self._room -= size
        self._balance += 2 * size - read


def stored_size(stored: StoredEvent) -> int:
    """Return the size of an event's item in bytes, approximately."""
    state = 0 if stored.state is None else json_codec.size(asdict(stored.state))
    return json_codec.size(stored.event) + state + ITEM_OVERHEAD


class LogReader:
    """Reads logs. A page is short or empty if more would exceed the budget; then `Page.has_more` is true."""

    def __init__(self, *, event_log: EventLogStore, runtime: Runtime) -> None:
        self._event_log = event_log
        self._clock = runtime.clock

    def events_after(self, head: Head, after: int, limit: int, budget: ReadBudget | None = None) -> Page:
        """Return up to `limit` events after `after`; a gap ends the page early, with `has_more`."""
        budget = budget or ReadBudget(head)
        last = min(after + limit, head.sequence_id)
        events: list[Event] = []
        while (position := after + len(events)) < last:
            count = budget.count(position + 1, 1, last - position)
            found = self._first_events(head, position + 1, position + count) if count else []
            events += [stored.event for stored in found]
            budget.add(found, events[len(events) - len(found) :])
            if not found or len(found) < count:
                break
        position = after + len(events)
        return Page(events, has_more=position < head.sequence_id, head=head.sequence_id, position=position)

    def latest_events(self, head: Head, limit: int, budget: ReadBudget | None = None) -> Page:
        """Return the newest `limit` events, contiguous up to `Page.head`."""
        budget = budget or ReadBudget(head)
        count = budget.count(head.sequence_id, -1, min(limit, head.sequence_id))
        first = max(head.sequence_id - count + 1, 1)
        events, last = self._contiguous(head, first, head.sequence_id)
        return Page([stored.event for stored in events], has_more=first > 1, head=last, position=first)

    def messages_before(self, head: Head, before: int | None, limit: int) -> Page:
        """Return up to `limit` messages before `before`, or the newest ones, contiguous up to `Page.head`.

        Raises Unavailable: there is a gap below `before` that stays.
        """
        newest = head.sequence_id
        last = newest if before is None else min(before - 1, newest)
        messages: list[StoredEvent] = []
        budget = ReadBudget(head, is_filtered=True)
        span = limit
        while last >= 1 and len(messages) < limit:
            count = budget.count(last, -1, min(span, last))
            if not count:
                break
            first = last - count + 1
            events, whole = self._contiguous(head, first, last)
            if whole < last:
                if before is not None:
                    raise Unavailable(retry_after=retry_after())
                messages, newest = [], whole
            found = [stored for stored in events if stored.event["type"] == "message"]
            taken = found[-(limit - len(messages)) :]
            budget.add(events, [stored.current for stored in taken])
            messages = taken + messages
            last, span = first - 1, min(span * 2, _MAX_SPAN)
        is_at_limit = len(messages) == limit
        position = messages[0].event["sequence_id"] if is_at_limit and messages else last + 1
        has_older = messages[0].message_count > 1 if messages else last >= 1 and head.message_count > 0
        return Page([stored.current for stored in messages], has_older, newest, position)

    def messages_after(self, head: Head, after: int, limit: int) -> Page:
        """Return up to `limit` messages after `after`; a gap ends the page early, with `has_more`."""
        messages: list[Event] = []
        position, message_count = after, 0
        budget = ReadBudget(head, is_filtered=True)
        span = limit
        while position < head.sequence_id and len(messages) < limit:
            first = position + 1
            count = budget.count(first, 1, min(span, head.sequence_id - position))
            if not count:
                break
            events = list(self._event_log.events(head.conversation_id, first, position + count))
            shown = len(messages)
            for stored in events:
                if stored.event["sequence_id"] != position + 1 or len(messages) == limit:
                    break
                position += 1
                message_count = stored.message_count
                if stored.event["type"] == "message":
                    messages.append(stored.current)
            budget.add(events, messages[shown:])
            span = min(span * 2, _MAX_SPAN)
            if position < first:
                has_newer = position == after or message_count < head.message_count
                return Page(messages, has_newer, head.sequence_id, position)
        has_newer = position < head.sequence_id and message_count < head.message_count
        return Page(messages, has_more=has_newer, head=head.sequence_id, position=position)

    def _first_events(self, head: Head, first: int, last: int) -> list[StoredEvent]:
        """Return the events from `first` to `last` below the first gap; a read without any is repeated."""
        events: list[StoredEvent] = []
        for _ in range(_READ_ATTEMPTS):
            for stored in self._event_log.events(head.conversation_id, first, last):
                if stored.event["sequence_id"] != first + len(events):
                    break
                events.append(stored)
            if events:
                break
            self._clock.sleep(_RETRY_DELAY)
        return events

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
