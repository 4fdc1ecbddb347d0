"""Reads of a partially visible log: never past a gap (L4), and full pages otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.log.reading import LogReader, Page, take_within_budget
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.event_log import EventLogStore
from tests.support.fakes import FakeClock
from tests.support.runtime import new_runtime

CONV = "conv_" + "a" * 22


class FakeEventStore:
    """Events, some of them invisible to the next few reads."""

    def __init__(self, kinds: str, hidden: dict[int, int] | None = None) -> None:
        """`kinds` has a letter for each event: m for a message, anything else for another event."""
        self.kinds = kinds
        self.invisible = dict(hidden or {})

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterator[StoredEvent]:
        assert conversation_id == CONV
        shown = []
        for number in range(first, last + 1):
            if self.invisible.get(number, 0) > 0:
                self.invisible[number] -= 1
                continue
            kind = "message" if self.kinds[number - 1] == "m" else "participant_joined"
            shown.append(StoredEvent({"sequence_id": number, "type": kind}, self.kinds[:number].count("m")))
        yield from reversed(shown) if descending else shown

    @property
    def head(self) -> Head:
        return Head(CONV, len(self.kinds), self.kinds.count("m"), 0, 0, 1, 1)


def reader_of(event_store: FakeEventStore) -> LogReader:
    return LogReader(event_log=cast(EventLogStore, event_store), runtime=new_runtime(clock=FakeClock()))


def ids(events: list[Event]) -> list[int]:
    return [event["sequence_id"] for event in events]


@given(st.text("mj", min_size=1, max_size=40), st.integers(0, 45), st.integers(1, 20))
def test_after_returns_the_next_events(kinds: str, after: int, limit: int) -> None:
    event_store = FakeEventStore(kinds)
    page = reader_of(event_store).events_after(event_store.head, after, limit)
    expected = [n for n in range(1, len(kinds) + 1) if n > after][:limit]
    assert ids(page.events) == expected
    assert page.has_more == (after + limit < len(kinds))
    assert page.head == len(kinds)


@given(st.text("mj", min_size=1, max_size=60), st.integers(0, 65) | st.none(), st.integers(1, 20))
def test_messages_before_returns_the_last_messages_below(kinds: str, before: int | None, limit: int) -> None:
    event_store = FakeEventStore(kinds)
    page = reader_of(event_store).messages_before(event_store.head, before, limit)
    below = [n for n, kind in enumerate(kinds, 1) if kind == "m" and (before is None or n < before)]
    assert ids(page.events) == below[-limit:]
    assert page.has_more == (len(below) > limit)


@given(st.text("mj", min_size=1, max_size=60), st.integers(0, 65), st.integers(1, 20))
@example("jjjjjjm", 0, 1)
def test_messages_after_returns_the_first_messages_above(kinds: str, after: int, limit: int) -> None:
    event_store = FakeEventStore(kinds)
    page = reader_of(event_store).messages_after(event_store.head, after, limit)
    above = [n for n, kind in enumerate(kinds, 1) if kind == "m" and n > after]
    assert ids(page.events) == above[:limit]
    assert page.has_more == (len(above) > limit)


@pytest.mark.parametrize(
    ("limit", "expected", "has_more"), [(1, [3], True), (2, [2, 3], True), (3, [1, 2, 3], False)]
)
def test_latest_events_are_the_newest_ones(limit: int, expected: list[int], has_more: bool) -> None:
    shelf = FakeEventStore("mjm")
    page = reader_of(shelf).latest_events(shelf.head, limit)
    assert (ids(page.events), page.has_more, page.head) == (expected, has_more, 3)


@given(st.integers(1, 12), st.sets(st.integers(1, 12)), st.integers(0, 12), st.integers(1, 12))
def test_no_page_continues_past_a_gap(size: int, holes: set[int], after: int, limit: int) -> None:
    def fresh() -> tuple[LogReader, Head]:
        event_store = FakeEventStore("m" * size, dict.fromkeys(holes, 1_000))
        return reader_of(event_store), event_store.head

    asks: list[Callable[[LogReader, Head], Page]] = [
        lambda log, head: log.events_after(head, after, limit),
        lambda log, head: log.messages_after(head, after, limit),
    ]
    for ask in asks:
        page = ask(*fresh())
        served = ids(page.events)
        assert served == list(range(after + 1, after + 1 + len(served)))
        assert page.has_more or after + len(served) >= size
    log, head = fresh()
    newest = log.latest_events(head, limit)
    served = ids(newest.events)
    assert not holes & set(served)
    assert served == list(range(served[0], served[0] + len(served))) if served else True
    assert newest.head == (served[-1] if served else max(size - limit, 0))


def test_page_of_messages_has_the_head() -> None:
    shelf = FakeEventStore("mjm")
    log = reader_of(shelf)
    assert log.messages_before(shelf.head, None, 1).head == 3
    assert log.messages_after(shelf.head, 0, 1).head == 3
    gap = FakeEventStore("mjm", {1: 1_000})
    page = reader_of(gap).messages_after(gap.head, 0, 1)
    assert (page.head, page.has_more) == (3, True)


def test_complete_page_is_read_once() -> None:
    shelf, clock = FakeEventStore("mjm"), FakeClock()
    log = LogReader(event_log=cast(EventLogStore, shelf), runtime=new_runtime(clock=clock))
    for first in (log.latest_events(shelf.head, 2), log.messages_before(shelf.head, None, 2)):
        assert ids(first.events)
    assert clock.sleeps == []


def test_latest_events_end_below_a_gap_that_stays() -> None:
    shelf = FakeEventStore("m" * 10, {8: 1_000})
    page = reader_of(shelf).latest_events(shelf.head, 6)
    assert (ids(page.events), page.head) == ([5, 6, 7], 7)


@pytest.mark.parametrize("hole", [2, 6, 9, 10])
@pytest.mark.parametrize("limit", [1, 3, 10])
def test_newest_messages_end_below_a_gap_that_stays(hole: int, limit: int) -> None:
    """Their head does, too: a reader who continues from there misses nothing."""
    shelf = FakeEventStore("m" * 10, {hole: 1_000})
    page = reader_of(shelf).messages_before(shelf.head, None, limit)
    assert page.head in (10, hole - 1)
    assert ids(page.events) == list(range(page.head - len(page.events) + 1, page.head + 1))
    assert len(page.events) == min(limit, page.head)


@pytest.mark.parametrize("hole", [5, 8])
def test_older_messages_with_a_gap_that_stays_are_unavailable(hole: int) -> None:
    shelf = FakeEventStore("m" * 10, {hole: 1_000})
    with pytest.raises(Unavailable):
        reader_of(shelf).messages_before(shelf.head, 9, 4)


@pytest.mark.parametrize("hole", [1, 5, 9, 10])
def test_short_gap_is_waited_for(hole: int) -> None:
    event_store = FakeEventStore("m" * 10, {hole: 2})
    page: Any = reader_of(event_store).latest_events(event_store.head, 10)
    assert ids(page.events) == list(range(1, 11))
    event_store = FakeEventStore("m" * 10, {hole: 2})
    page = reader_of(event_store).messages_before(event_store.head, None, 10)
    assert ids(page.events) == list(range(1, 11))


def test_page_within_a_size_keeps_the_right_end() -> None:
    events: list[Event] = [{"sequence_id": n, "content": "x" * 50} for n in range(1, 6)]
    assert ids(take_within_budget(events, 170)) == [1, 2]
    assert ids(take_within_budget(events, 170, newest=True)) == [4, 5]
    assert take_within_budget(events, 10) == []
    assert take_within_budget(events, 10_000) == events


def test_page_fills_its_size_exactly() -> None:
    # Each text takes 6 bytes with its quotes, and one for the comma.
    texts = ["abcd", "efgh", "ijkl"]
    sizes = {size: len(take_within_budget(texts, size)) for size in (6, 7, 13, 14, 20, 21)}
    assert sizes == {6: 0, 7: 1, 13: 1, 14: 2, 20: 2, 21: 3}
