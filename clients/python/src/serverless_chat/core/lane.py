"""The items of one conversation in their order, and which of them may be sent next."""

from __future__ import annotations

from collections.abc import Iterator

from .items import Item
from .retries import Backoff, Random


class Lane:
    """Has at most one command or batch in flight; a failed message holds the later messages."""

    def __init__(self, random: Random) -> None:
        self.items: list[Item] = []
        self.acknowledged: list[Item] = []
        """Messages that are in the log, but not in the view yet."""
        self.flight_id: str | None = None
        self.not_before = 0.0
        self.retry_at = 0.0
        """The part of `not_before` that the server has asked for."""
        self.backoff = Backoff(random)

    def delay(self, now: float, retry_after: float = 0.0) -> None:
        """Wait before the next attempt."""
        self.retry_at = now + retry_after
        self.not_before = now + self.backoff.next_delay(retry_after)

    def is_ready(self, now: float) -> bool:
        """Whether another attempt may begin."""
        return self.flight_id is None and now >= self.not_before and next(self.sendable(), None) is not None

    def message(self, client_message_id: str | None) -> Item | None:
        """Return the unacknowledged message with this id."""
        wanted = (item for item in self.items if item.is_message and item.client_message_id == client_message_id)
        return next(wanted, None)

    def acknowledgement(self, client_message_id: str) -> Item | None:
        """Return the message with this id, if it is in the log, but not in the view yet."""
        return next((item for item in self.acknowledged if item.client_message_id == client_message_id), None)

    def sendable(self) -> Iterator[Item]:
        """Yield the items that may be sent now, in their order."""
        is_held = False
        for item in self.items:
            if item.is_message and (is_held or item.error is not None):
                is_held = True
            elif item.is_message or item.target is not None:
                yield item

    def updates_of(self, client_message_id: str | None) -> list[Item]:
        """Return the updates that wait for a message to get its sequence id."""
        return [item for item in self.items if client_message_id and item.target_message == client_message_id]
