"""Pushes of events: how many frames they take."""

from typing import Any

from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.protocol.frames import HISTORY_ID_BYTES, MAX_FRAME_BYTES, events_pushes, with_history_id
from tests.support.checking import check_push

CONVERSATION = "conv_Zm9vYmFyYmF6cXV4cXV1eA"

LONGEST = HistoryId(10**15 - 1, "x" * 255)
"""The largest history id, which is added to each push."""


def event(sequence_id: int, size: int = 10) -> dict[str, Any]:
    return {"conversation_id": CONVERSATION, "sequence_id": sequence_id, "content": size * "é"}


def sequence_ids(frames: list[dict[str, Any]]) -> list[list[int]]:
    for frame in frames:
        assert (frame["type"], frame["conversation_id"]) == ("events", CONVERSATION)
        check_push(with_history_id(frame, LONGEST))
    return [[event["sequence_id"] for event in frame["events"]] for frame in frames]


def test_events_that_fit_are_one_frame() -> None:
    assert sequence_ids(events_pushes(CONVERSATION, [event(number) for number in range(2, 26)])) == [
        list(range(2, 26))
    ]


def test_events_that_do_not_fit_are_consecutive_frames() -> None:
    frames = events_pushes(CONVERSATION, [event(number, 7_000) for number in range(2, 7)])
    assert sequence_ids(frames) == [[2, 3], [4, 5], [6]]


def test_larger_event_is_a_frame_of_its_own() -> None:
    frames = events_pushes(CONVERSATION, [event(2), event(3, MAX_FRAME_BYTES), event(4)])
    assert sequence_ids(frames) == [[2], [3], [4]]


def test_frame_is_filled_to_the_last_byte() -> None:
    empty = len('{"type":"events","conversation_id":"","events":[,]}') + len(CONVERSATION) + HISTORY_ID_BYTES
    one = len('{"conversation_id":"","sequence_id":2,"content":""}') + len(CONVERSATION)
    letters, odd = divmod(MAX_FRAME_BYTES - empty - 2 * one, 2)
    fitting = [event(2, 100), event(3, letters - 100)]
    fitting[0]["content"] += odd * "x"
    assert sequence_ids(events_pushes(CONVERSATION, fitting)) == [[2, 3]]
    fitting[0]["content"] += "x"
    assert sequence_ids(events_pushes(CONVERSATION, fitting)) == [[2], [3]]


def test_no_events_are_no_frame() -> None:
    assert events_pushes(CONVERSATION, []) == []


def test_events_that_are_not_contiguous_are_different_frames() -> None:
    frames = events_pushes(CONVERSATION, [event(2), event(3), event(5)])
    assert sequence_ids(frames) == [[2, 3], [5]]
