"""When a message moves its sender's read pointer, and how many messages are unread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.core.model.read_pointers import MAX_OWN_UNREAD, PointerMove, newest, unread_count
from tests.unit.aws.dynamodb.samples import HEAD, MEMBER

Sent = Sequence[tuple[int, int | None]]


@pytest.mark.parametrize(
    ("read_up_to", "sent", "moved_to", "own"),
    [
        (7, [(8, None)], 8, []),
        (6, [(8, None)], 6, [8]),
        (6, [(8, 7)], 8, []),
        (6, [(8, 6)], 6, [8]),
        (7, [(8, 3)], 8, []),
        (7, [(8, None), (9, None)], 9, []),
        (6, [(8, 7), (9, 7)], 9, []),
        (6, [(8, None), (9, 7)], 6, [8, 9]),
        (6, [(8, None), (9, 8)], 9, []),
        (7, [(8, None), (10, None)], 8, [10]),
        (7, [(8, None), (10, None), (12, 11)], 12, []),
    ],
)
def test_message_moves_the_pointer_from_the_event_directly_before_it(
    read_up_to: int, sent: Sent, moved_to: int, own: list[int]
) -> None:
    move = PointerMove(read_up_to)
    for sequence_id, seen in sent:
        move.add(sequence_id, seen)
    assert (move.read_up_to, sorted(move.own_unread)) == (moved_to, own)
    assert move.has_moved == (moved_to != read_up_to)


def test_own_messages_do_not_count_as_unread() -> None:
    member = replace(MEMBER, read_up_to=3, read_message_count=1, own_unread=frozenset({5}))
    assert unread_count(HEAD, member) == 2


def test_own_message_newer_than_the_head_is_not_subtracted() -> None:
    member = replace(MEMBER, read_up_to=3, read_message_count=1, own_unread=frozenset({5, 8}))
    assert unread_count(HEAD, member) == 2


def test_pointer_newer_than_the_head_leaves_nothing_unread() -> None:
    assert unread_count(HEAD, replace(MEMBER, read_up_to=9, read_message_count=6)) == 0


def test_only_the_newest_own_messages_after_the_pointer_are_kept() -> None:
    assert newest(range(1, 50), 40) == set(range(41, 50))
    assert newest(range(1, 301), 40) == set(range(201, 301))
    assert len(newest(range(1, 301), 0)) == MAX_OWN_UNREAD
