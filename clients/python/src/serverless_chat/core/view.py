"""The messages among the events of a timeline, folded when they are read, and once only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from .message import Erasure, Message, as_sent, fold
from .outputs import JsonObject

UPDATES = {"message_edited", "message_deleted", "reaction_added", "reaction_removed"}


class View:
    """Keeps the folded messages: an event costs the work for one message, not for all."""

    def __init__(self) -> None:
        self._messages: dict[int, JsonObject] = {}
        self._updates: dict[int, dict[int, JsonObject]] = {}
        self._erasures: dict[int, Erasure] = {}
        self._expired_up_to = 0
        self._order: list[int] = []
        self._folded: list[Message] | None = []
        """In the order of `_order`; None until the next reading."""

    def clear(self) -> None:
        """Discard everything."""
        self._messages, self._updates, self._erasures, self._expired_up_to = {}, {}, {}, 0
        self._order, self._folded = [], []

    def add(self, events: Iterable[JsonObject]) -> None:
        """Take in events of the timeline, newer or older than the others."""
        for event in events:
            if event["type"] == "message":
                self._add_message(event)
            else:
                self._add_update(event)

    def _add_update(self, event: JsonObject) -> None:
        number = event["sequence_id"]
        match event["type"]:
            case kind if kind in UPDATES:
                self._updates.setdefault(event["target"], {})[number] = event
                self._fold_again(event["target"])
            case "participant_erased":
                erased = event["sender"]["participant_id"]
                self._erasures[number] = Erasure(number, erased, event["participant_id"])
                self._folded = None
            case "content_expired":
                self._expired_up_to = max(self._expired_up_to, event["up_to"])
                self._folded = None
            case _:
                pass  # not about messages, or of a newer protocol

    def remove(self, events: Iterable[JsonObject]) -> None:
        """Forget the oldest events of the timeline. Erasures and expiries stay: later pages can need them."""
        count = 0
        for event in events:
            number = event["sequence_id"]
            if event["type"] == "message":
                del self._messages[number]
                count += 1
            elif event["type"] in UPDATES:
                del self._updates[event["target"]][number]
                if not self._updates[event["target"]]:
                    del self._updates[event["target"]]
        if self._folded is not None:
            del self._order[:count], self._folded[:count]

    def messages(self) -> list[Message]:
        """Return the messages in the order of the log."""
        if self._folded is None:
            self._order = sorted(self._messages)
            self._folded = [self._fold(number) for number in self._order]
        return self._folded.copy()

    def newest(self) -> tuple[JsonObject, Message] | None:
        """Return the event of the newest message, and the message."""
        if self._folded is None:
            self.messages()
        if not self._folded:
            return None
        return self._messages[self._order[-1]], self._folded[-1]

    def _add_message(self, event: JsonObject) -> None:
        number = event["sequence_id"]
        self._messages[number] = event
        if self._folded is None or (self._order and number < self._order[-1]):
            self._folded = None
        else:
            self._order.append(number)
            self._folded.append(as_sent(event) if self._is_as_sent(number) else self._fold(number))

    def _is_as_sent(self, number: int) -> bool:
        """Return whether nothing changes a message; most of them."""
        return not self._erasures and number not in self._updates and number > self._expired_up_to

    def _fold_again(self, number: int) -> None:
        if self._folded is not None and number in self._messages:
            self._folded[bisect_left(self._order, number)] = self._fold(number)

    def _fold(self, number: int) -> Message:
        updates = sorted(self._updates.get(number, {}).items())
        erasures = sorted(self._erasures.items())
        return fold(
            self._messages[number],
            (update for _, update in updates),
            (erasure for _, erasure in erasures),
            number <= self._expired_up_to,
        )
