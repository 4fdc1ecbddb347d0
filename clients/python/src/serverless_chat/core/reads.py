"""Read marks: of many in a row, the last one is sent, with the next message or after a short delay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .frames import FrameSender, is_refusal
from .outputs import JsonObject
from .retries import ANSWER_TIMEOUT, Backoff, Random

READ_DELAY = 1.0
"""How many seconds a mark waits for a later one, or for a message that takes it along as `seen`."""


@dataclass(slots=True)
class _Mark:
    sequence_id: int
    due: float
    backoff: Backoff
    request_id: str | None = None


class ReadMarks:
    """The unconfirmed read marks of all conversations. They end with the process and with the history."""

    def __init__(
        self, sender: FrameSender, random: Random, pointer: Callable[[str], int | None] = lambda _: None
    ) -> None:
        """`pointer` returns the event up to which a room shows everything as read, or None if it is not open."""
        self._sender, self._random, self._pointer = sender, random, pointer
        self._marks: dict[str, _Mark] = {}

    def mark(self, conversation_id: str, sequence_id: int, now: float) -> None:
        """Note the last event that the user has seen."""
        mark = self._marks.get(conversation_id)
        if mark is None:
            self._marks[conversation_id] = _Mark(sequence_id, now + READ_DELAY, Backoff(self._random))
        elif sequence_id > mark.sequence_id:
            mark.sequence_id = sequence_id

    def seen(self, conversation_id: str, now: float) -> int | None:
        """Return the unconfirmed mark for a message to take along; it waits for the answer to that."""
        mark = self._marks.get(conversation_id)
        if mark is None:
            return None
        mark.request_id, mark.due = None, now + ANSWER_TIMEOUT
        return mark.sequence_id

    def taken_along(self, conversation_id: str, seen: int, ack: JsonObject, now: float) -> None:
        """Forget the mark that an acknowledged message took along, and send a later one now.

        The repeat of a message moves nothing. A room that was opened again can show an older mark than the server
        has: the answer to `read` has the unread count from there.
        """
        pointer = self._pointer(conversation_id)
        if not ack.get("duplicate") and (pointer is None or pointer >= seen):
            self.confirmed(conversation_id, seen)
        if (mark := self._marks.get(conversation_id)) is not None:
            mark.due = now

    def confirmed(self, conversation_id: str, sequence_id: int) -> None:
        """Forget a mark that the server has, by a `read_ack` or a message with `seen`."""
        mark = self._marks.get(conversation_id)
        if mark is not None and mark.sequence_id <= sequence_id:
            del self._marks[conversation_id]

    def replied(self, frame: JsonObject, now: float) -> bool:
        """Apply a `read_ack` or an error; return whether it answers a mark."""
        frame_id = frame.get("id")
        marks = ((key, mark) for key, mark in self._marks.items() if mark.request_id == frame_id)
        conversation_id, mark = next(marks, (None, None)) if frame_id is not None else (None, None)
        if conversation_id is None or mark is None:
            return False
        mark.request_id = None
        if frame["type"] == "read_ack":
            mark.due = now
            self.confirmed(conversation_id, frame["read_up_to"])
        elif is_refusal(frame):
            del self._marks[conversation_id]
        else:
            mark.due = now + mark.backoff.next_delay(frame.get("retry_after") or 0.0)
        return True

    def clear(self) -> None:
        """Forget all: they are of another history or participant."""
        self._marks.clear()

    def forget(self, conversation_id: str) -> None:
        """Forget the mark of a conversation that the participant lost."""
        self._marks.pop(conversation_id, None)

    def connected(self, now: float) -> None:
        """Send the marks without an answer again."""
        for mark in self._marks.values():
            mark.request_id, mark.due = None, now

    def next_timer(self) -> float | None:
        """Return when `flush` has something to do."""
        return min((mark.due for mark in self._marks.values()), default=None)

    def flush(self, now: float) -> None:
        """Send the marks whose delay, or whose wait for an answer, has ended."""
        for conversation_id, mark in self._marks.items():
            if now >= mark.due:
                mark.request_id = self._sender.send(
                    "read", conversation_id=conversation_id, sequence_id=mark.sequence_id
                )
                mark.due = now + ANSWER_TIMEOUT + mark.backoff.next_delay()
