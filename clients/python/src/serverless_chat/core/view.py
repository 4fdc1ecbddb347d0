"""The messages among the events of a timeline, folded when they are read, and once only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

from .message import Erasure, Message, as_sent, fold
from .outputs import JsonObject

UPDATES = {"message_edited", "message_deleted", "reaction_added", "reaction_removed"}
_SEQUENCE_ID = attrgetter("sequence_id")


class View:
    """Keeps the folded messages: an event costs the work for one message, not for all."""

    def __init__(self) -> None:
        self._messages: dict[int, JsonObject] = {}
        self._senders: dict[str, JsonObject] = {}
        """By participant. Messages share them: that is a quarter of the memory."""
        self._updates: dict[int, dict[int, JsonObject]] = {}
        self._erasures: dict[int, Erasure] = {}
        self._expired_up_to = 0
        self._folded: list[Message] | None = []
        """In the order of the log; None until the next reading."""

    def clear(self) -> None:
        """Discard everything."""
        self._messages, self._updates, self._erasures, self._expired_up_to = {}, {}, {}, 0
        self._senders, self._folded = {}, []

    def add(self, events: Iterable[JsonObject]) -> None:
        """Take in events of the timeline, newer or older than the others."""
        messages, senders, newer, last = self._messages, self._senders, [], self._last_folded()
        for event in events:
            if event["type"] != "message":
                self._add_update(event)
                continue
            number, sender = event["sequence_id"], event["sender"]
            messages[number] = event
            if sender == (known := senders.get(sender["participant_id"])):
                event["sender"] = known
            else:
                senders[sender["participant_id"]] = sender
            if number > last:
                last = number
                newer.append(event)
            else:
                self._folded = None
        if self._folded is not None:
            self._folded += self._fold_all(newer)

    def _last_folded(self) -> int:
        return (self._folded[-1].sequence_id or 0) if self._folded else 0

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
            del self._folded[:count]

    def messages(self) -> list[Message]:
        """Return the messages in the order of the log."""
        if self._folded is None:
            self._folded = [self._fold(number) for number in sorted(self._messages)]
        return self._folded.copy()

    def newest(self) -> tuple[JsonObject, Message] | None:
        """Return the event of the newest message, and the message."""
        if self._folded is None:
            self.messages()
        if not self._folded:
            return None
        return self._messages[self._last_folded()], self._folded[-1]

    def _fold_all(self, events: list[JsonObject]) -> Iterable[Message]:
        """Return messages that are newer than the folded ones; nothing changes most of them."""
        if not self._updates and not self._erasures and not self._expired_up_to:
            return map(as_sent, events)
        return [self._fold(event["sequence_id"]) for event in events]

    def _fold_again(self, number: int) -> None:
        if self._folded is not None and number in self._messages and number <= self._last_folded():
            self._folded[bisect_left(self._folded, number, key=_SEQUENCE_ID)] = self._fold(number)

    def _fold(self, number: int) -> Message:
        if not self._erasures and number not in self._updates and number > self._expired_up_to:
            return as_sent(self._messages[number])  # most of them
        changes: dict[int, JsonObject | Erasure] = {**self._updates.get(number, {}), **self._erasures}
        in_order = (changes[sequence_id] for sequence_id in sorted(changes))
        return fold(self._messages[number], in_order, number <= self._expired_up_to)
