"""The sizes of the newest events of a log, which its head carries: a reader limits a query before it reads.

A query of DynamoDB is charged for what it reads, and can be limited by a number of items, not by bytes. The text
has the sequence id of the newest event that it describes, the class of the largest event ever, and a character for
the class of each of the newest `WINDOW` events. A class is an upper bound, in steps of a fourth of a power of two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

from chalicelib.core.kernel import json_codec
from chalicelib.core.model.events import Event, MessageState

WINDOW = 100
ASSUMED = 1_600
"""The assumed size (bytes) of events from before the sizes were recorded."""
ITEM_OVERHEAD = 200
"""The bytes of an item besides its event: keys, names of attributes, counter, hash of the idempotency key."""
_BOUNDS = [int(256 * 2 ** (step / 4)) for step in range(44)]
"""Up to 441 KB; an item of DynamoDB has at most 400 KB."""
_FIRST_CODE, _FIRST_CODE_WITH_STATE = 33, 33 + len(_BOUNDS)


class Size(NamedTuple):
    """The upper bound of the cost of reading an event."""

    bytes: int
    is_plain: bool
    """Whether the event itself is most of it, rather than the state of a message that was edited."""


_UNKNOWN = Size(ASSUMED, is_plain=False)


class EventSizes:
    """The sizes that a head carries."""

    def __init__(self, text: str) -> None:
        """`text` is empty for a log that has none yet."""
        position, _, classes = text.partition(":")
        self.up_to = int(position or 0)
        self.largest = _size(classes[0]).bytes if classes else 0
        self.newest = classes[1:]

    def of(self, sequence_id: int) -> Size:
        """Return the size of an event."""
        index = sequence_id - self.up_to - 1 + len(self.newest)
        if 0 <= index < len(self.newest):
            return _size(self.newest[index])
        return Size(self.largest, is_plain=False) if self.largest else _UNKNOWN


def sizes_after(
    text: str, up_to: int, events: Sequence[Event], states: Mapping[int, MessageState] | None = None
) -> str:
    """Return the text of a head after an append to a log whose head was `up_to`, in ascending order."""
    old = EventSizes(text)
    newest = old.newest if old.up_to == up_to else ""  # a function of an older version has appended, too
    newest += "".join(_code(json_codec.size(event) + ITEM_OVERHEAD) for event in events)
    up_to += len(events)
    largest = max([old.largest, *(_size(code).bytes for code in newest[-len(events) :] if events)])
    for sequence_id, state in (states or {}).items():
        size = json_codec.size(asdict(state))
        index = sequence_id - up_to - 1 + len(newest)
        if 0 <= index < len(newest):
            # A state replaces another one, so it is not added to what an earlier one has added.
            code = _code_with_state(_size(newest[index]), size)
            newest = newest[:index] + code + newest[index + 1 :]
            largest = max(largest, _size(code).bytes)
        else:
            largest = _with_state(largest, size)
    return f"{up_to}:{_code(largest)}{newest[-WINDOW:]}"


def _code_with_state(before: Size, state: int) -> str:
    is_plain = before.is_plain and state * 5 // 4 + ITEM_OVERHEAD <= before.bytes
    return _code(_with_state(before.bytes, state), is_plain=is_plain)


def _with_state(before: int, state: int) -> int:
    """Return the bound for an item that gets a state: too low by a third at most, and repeats do not add up."""
    return max(before, min(before + state, 3 * state))


def _code(size: int, *, is_plain: bool = True) -> str:
    step = min(bisect_left(_BOUNDS, size), len(_BOUNDS) - 1)
    return chr(step + (_FIRST_CODE if is_plain else _FIRST_CODE_WITH_STATE))


def _size(code: str) -> Size:
    step = ord(code) - _FIRST_CODE
    return Size(_BOUNDS[step % len(_BOUNDS)], is_plain=step < len(_BOUNDS))
