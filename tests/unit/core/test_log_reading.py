"""Reading the log when half of an append is visible: never beyond a hole (L4), and whole pages otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.log.reading import LogReader, Page, take_within_budget
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.event_log import EventLogStore
from tests.support.runtime import new_runtime

CONV = "conv_" + "a" * 22


class Time:
    """A clock that stands still, but for those who sleep."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Shelf:
    """Events, some of them invisible for the next few reads."""

    def __init__(self, kinds: str, hidden: dict[int, int] | None = None) -> None:
        """`kinds` holds a letter an event: m for a message, anything else for something else."""
        self.kinds = kinds
        self.hidden = dict(hidden or {})

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterator[StoredEvent]:
        shown = []
        for number in range(first, last + 1):
            if self.hidden.get(number, 0) > 0:
                self.hidden[number] -= 1
                continue
            kind = "message" if self.kinds[number - 1] == "m" else "participant_joined"
            shown.append(StoredEvent({"sequence_id": number, "type": kind}, self.kinds[:number].count("m")))
        yield from reversed(shown) if descending else shown

    @property
    def head(self) -> Head:
        return Head(CONV, len(self.kinds), self.kinds.count("m"), 0, 0, 1, 1)


def log_of(shelf: Shelf) -> LogReader:
    return LogReader(event_log=cast(EventLogStore, shelf), runtime=new_runtime(clock=Time()))


def ids(events: list[Event]) -> list[int]:
    return [event["sequence_id"] for event in events]


@given(st.text("mj", min_size=1, max_size=40), st.integers(0, 45), st.integers(1, 20))
def test_events_after_are_the_next_ones(kinds: str, after: int, limit: int) -> None:
    shelf = Shelf(kinds)
    page = log_of(shelf).events_after(shelf.head, after, limit)
    expected = [n for n in range(1, len(kinds) + 1) if n > after][:limit]
    assert ids(page.events) == expected
    assert page.has_more == (after + limit < len(kinds))
    assert page.head == len(kinds)


@given(st.text("mj", min_size=1, max_size=60), st.integers(0, 65) | st.none(), st.integers(1, 20))
def test_messages_before_are_the_last_ones_below(kinds: str, before: int | None, limit: int) -> None:
    shelf = Shelf(kinds)
    page = log_of(shelf).messages_before(shelf.head, before, limit)
    below = [n for n, kind in enumerate(kinds, 1) if kind == "m" and (before is None or n < before)]
    assert ids(page.events) == below[-limit:]
    assert page.has_more == (len(below) > limit)


@given(st.text("mj", min_size=1, max_size=60), st.integers(0, 65), st.integers(1, 20))
def test_messages_after_are_the_first_ones_above(kinds: str, after: int, limit: int) -> None:
    shelf = Shelf(kinds)
    page = log_of(shelf).messages_after(shelf.head, after, limit)
    above = [n for n, kind in enumerate(kinds, 1) if kind == "m" and n > after]
    assert ids(page.events) == above[:limit]
    assert page.has_more == (len(above) > limit)


@given(st.integers(1, 12), st.sets(st.integers(1, 12)), st.integers(0, 12), st.integers(1, 12))
def test_no_reader_is_served_beyond_a_hole(size: int, holes: set[int], after: int, limit: int) -> None:
    def fresh() -> tuple[LogReader, Head]:
        shelf = Shelf("m" * size, dict.fromkeys(holes, 1_000))
        return log_of(shelf), shelf.head

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


@pytest.mark.parametrize("hole", [1, 5, 9, 10])
def test_a_hole_that_closes_soon_is_not_even_noticed(hole: int) -> None:
    shelf = Shelf("m" * 10, {hole: 2})
    page: Any = log_of(shelf).latest_events(shelf.head, 10)
    assert ids(page.events) == list(range(1, 11))
    shelf = Shelf("m" * 10, {hole: 2})
    page = log_of(shelf).messages_before(shelf.head, None, 10)
    assert ids(page.events) == list(range(1, 11))


def test_a_page_within_a_size_keeps_the_right_end() -> None:
    events: list[Event] = [{"sequence_id": n, "content": "x" * 50} for n in range(1, 6)]
    assert ids(take_within_budget(events, 170)) == [1, 2]
    assert ids(take_within_budget(events, 170, newest=True)) == [4, 5]
    assert take_within_budget(events, 10) == []
    assert take_within_budget(events, 10_000) == events
