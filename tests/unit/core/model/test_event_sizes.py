"""The sizes of events in a head: upper bounds, of the newest events and of all."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kernel import json_codec
from chalicelib.core.model.event_sizes import ASSUMED, ITEM_OVERHEAD, WINDOW, EventSizes, sizes_after
from chalicelib.core.model.events import Event, MessageState


def event(characters: int) -> Event:
    return {"content": "x" * characters}


def size_of(stored: Event, state: MessageState | None = None) -> int:
    more = 0 if state is None else json_codec.size(asdict(state))
    return json_codec.size(stored) + ITEM_OVERHEAD + more


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=2 * WINDOW), st.integers(1, 50))
def test_bounds_are_not_below_and_hardly_above_the_sizes(characters: list[int], batch: int) -> None:
    events, text = [event(count) for count in characters], ""
    for start in range(0, len(events), batch):
        text = sizes_after(text, start, events[start : start + batch])
    sizes = EventSizes(text)
    for sequence_id, stored in list(enumerate(events, 1))[-WINDOW:]:
        assert size_of(stored) <= sizes.of(sequence_id).bytes <= max(1.2 * size_of(stored), 256)
        assert sizes.of(sequence_id).is_plain
    assert sizes.largest >= max(map(size_of, events))
    assert len(text) <= WINDOW + 12


def test_older_events_have_the_bound_of_the_largest_one() -> None:
    text = sizes_after("", 0, [event(20_000), *[event(10)] * WINDOW])
    assert EventSizes(text).of(1).bytes >= 20_000
    assert not EventSizes(text).of(1).is_plain
    assert EventSizes(text).of(2).bytes < 300


@pytest.mark.parametrize("outside", [False, True])
def test_repeated_updates_do_not_add_up(outside: bool) -> None:
    text = sizes_after("", 0, [event(1_000), *[event(10)] * (WINDOW if outside else 0)])
    state = MessageState(version=3, overrides={"content": "y" * 5_000})
    up_to = EventSizes(text).up_to
    for number in range(50):
        text = sizes_after(text, up_to + number, [event(10)], {1: state})
    assert size_of(event(1_000), state) <= EventSizes(text).of(1).bytes <= 20_000
    assert not EventSizes(text).of(1).is_plain


def test_small_state_leaves_the_event_plain() -> None:
    text = sizes_after("", 0, [event(1_000)])
    text = sizes_after(text, 1, [event(10)], {1: MessageState(version=2, reactions={"+": 1})})
    assert EventSizes(text).of(1).is_plain


def test_sizes_are_discarded_if_another_version_has_appended() -> None:
    text = sizes_after(sizes_after("", 0, [event(5_000)]), 2, [event(10)])
    assert EventSizes(text).of(3).bytes < 300
    assert EventSizes(text).of(2).bytes >= 5_000


def test_events_of_a_log_without_sizes_have_the_assumed_size() -> None:
    assert EventSizes("").of(7).bytes == ASSUMED
