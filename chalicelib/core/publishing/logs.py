"""The logs that cursors read: the log of a conversation, or the deployment log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import from_rfc3339
from chalicelib.core.kernel.ids import url_safe_digest
from chalicelib.core.log.appending import Log
from chalicelib.core.log.reading import LogReader
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.model.event_sizes import EventSizes
from chalicelib.core.model.events import Event
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Endpoint, InFlight
from chalicelib.core.ports.event_log import EventLogStore

MAX_EVENTS = 100
MAX_BYTES = 20_000
"""A delivery has up to so many events, and bytes of them; or one event of any size."""
READ_BYTES = 3 * MAX_BYTES
"""The bytes of a log that are read for a delivery, as far as its head has the sizes, which are upper bounds."""
NOW_SKEW = 60_000
"""Milliseconds before the creation of an endpoint from which on it receives events: clocks differ."""


class Chunk(NamedTuple):
    """A contiguous part of a log."""

    events: Sequence[Event]
    position: int
    """The sequence id up to which it was read."""


class PublishedLog(Protocol):
    """A log, as it was when it was opened."""

    head: int

    @property
    def conversation(self) -> Head | None:
        """The head of the conversation; None: it is the deployment log."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether it is the log of a deleted conversation, whose contents must not leave any more."""
        ...

    def after(self, position: int, limit: int) -> Chunk:
        """Return events after `position`; none if the next one is not readable yet."""
        ...

    def event(self, sequence_id: int) -> Event | None:
        """Return an event."""
        ...


class ConversationLog:
    """The log of a conversation up to its head. A gap ends a chunk early (L4)."""

    def __init__(self, head: Head, log_reader: LogReader, event_log: EventLogStore) -> None:
        self.head = head.sequence_id
        self.conversation = head
        self.is_deleted = head.state is ConversationState.DELETED
        self._log_reader = log_reader
        self._event_log = event_log

    def after(self, position: int, limit: int) -> Chunk:
        """Return events after `position`, as the log has them now."""
        page = self._log_reader.events_after(self.conversation, position, self._readable(position, limit))
        return Chunk(page.events, page.position)

    def _readable(self, position: int, limit: int) -> int:
        """Return how many events to read: more than a delivery has would be read again for the next one."""
        sizes, room = EventSizes(self.conversation.event_sizes), READ_BYTES
        for number in range(limit):
            size = sizes.of(position + 1 + number)
            room -= size.bytes if size.is_plain else 0
            if room < 0:
                return max(number, 1)
        return limit

    def event(self, sequence_id: int) -> Event | None:
        """Return an event."""
        stored = self._event_log.event(self.conversation.conversation_id, sequence_id)
        return None if stored is None else stored.event


class Logs:
    """Opens logs."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        log: Log,
        log_reader: LogReader,
        open_deployment_log: Callable[[], PublishedLog],
    ) -> None:
        self._event_log = event_log
        self._log = log
        self._log_reader = log_reader
        self._open_deployment_log = open_deployment_log

    def open(self, conversation_id: str) -> PublishedLog | None:
        """Return a log, None if there is none (any more); a provisional conversation is finalized first.

        Raises ConversationBusy: it cannot be finalized yet.
        """
        if conversation_id == DEPLOYMENT_LOG:
            return self._open_deployment_log()
        head = self._event_log.head(conversation_id)
        if head is None:
            return None
        if head.is_provisional:
            self._log.finalize_creation(conversation_id)
        return ConversationLog(head, self._log_reader, self._event_log)


def start_of(log: PublishedLog, endpoint: Endpoint) -> int:
    """Return the position from which a new cursor reads.

    With `now`, that is before the first event not older than a minute before the creation of the endpoint. It is
    found from the newest end in steps that double, and then by halves, so it costs few reads however long the
    log is. Times of events differ from their order by the skew of clocks only, for which the minute is a margin.
    """
    if endpoint.start == "beginning":
        return 0
    since = endpoint.created_at - NOW_SKEW
    step, newer, older = 1, log.head + 1, log.head
    while older > 0 and not _is_older(log, older, since):
        newer, older, step = older, older - step, step * 2
    older = max(older, 0)
    while newer - older > 1:
        middle = (older + newer) // 2
        if _is_older(log, middle, since):
            older = middle
        else:
            newer = middle
    return older


def is_older(endpoint: Endpoint, log: PublishedLog, time: int) -> bool:
    """Return whether an endpoint and a log are older than a time in milliseconds since the epoch."""
    return endpoint.created_at < time and _is_older(log, 1, time)


def _is_older(log: PublishedLog, sequence_id: int, since: int) -> bool:
    event = log.event(sequence_id)
    return event is None or from_rfc3339(event["created_at"]) * 1000 < since


def range_after(events: Sequence[Event], endpoint: Endpoint, previous: int) -> InFlight | None:
    """Return the range of the next delivery out of contiguous events, None if the endpoint receives none."""
    wanted = received(events, endpoint)
    if not wanted:
        return None
    count, size = 0, 0
    for event in wanted[:MAX_EVENTS]:
        size += json_codec.size(event)
        if count and size > MAX_BYTES:
            break
        count += 1
    return InFlight(wanted[0]["sequence_id"], wanted[count - 1]["sequence_id"], previous)


def received(events: Sequence[Event], endpoint: Endpoint) -> list[Event]:
    """Return the events of the types that an endpoint receives."""
    return [event for event in events if not endpoint.types or event["type"] in endpoint.types]


def events_in(log: PublishedLog, in_flight: InFlight) -> list[Event] | None:
    """Return all events of a range as the log has them now, None if they cannot be read at present."""
    events: list[Event] = []
    position = in_flight.first - 1
    while position < in_flight.last:
        chunk = log.after(position, in_flight.last - position)
        if chunk.position == position:
            return None
        events += chunk.events
        position = chunk.position
    return events


def delivery_id(history_id: str, conversation_id: str, first: int, last: int) -> str:
    """Return the id of a delivery: the same for each attempt, and another one for any other range."""
    return f"dlv_{url_safe_digest(f'{history_id} {conversation_id} {first} {last}', 24)}"
