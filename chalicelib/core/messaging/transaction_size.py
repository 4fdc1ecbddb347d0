"""How many messages fit into one transaction, and into one item of the queue.

A transaction has up to 100 items and 4 MB, an item up to 400 KB (DynamoDB developer guide, "Service quotas"). The
sizes here are those of the events as JSON; the margins cover the other items and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.kernel import json_codec
from chalicelib.core.model.messages import DraftMessage, QueuedRun

MAX_ITEMS = 100
MAX_BYTES = 3_500_000
MAX_RUN_MESSAGES = 48
"""Two items for each message; one each for the head, the membership and the entry of the queue."""
MAX_RUN_BYTES = 300_000


class TransactionSize:
    """The size of a transaction that appends queued runs."""

    def __init__(self) -> None:
        self._items = 1
        self._bytes = 0
        self._senders: set[str] = set()

    def add(self, queued: QueuedRun) -> bool:
        """Add a run; return False, without adding it, if it does not fit."""
        items = self._items + 2 * len(queued.messages) + 1 + (queued.member.participant_id not in self._senders)
        size = self._bytes + sum(json_codec.size(message.event) for message in queued.messages)
        if items > MAX_ITEMS or size > MAX_BYTES:
            return False
        self._items, self._bytes = items, size
        self._senders.add(queued.member.participant_id)
        return True


def first_run(messages: Sequence[DraftMessage]) -> list[DraftMessage]:
    """Return as many messages from the beginning as one transaction and one item of the queue can have."""
    run: list[DraftMessage] = []
    room = MAX_RUN_BYTES
    for message in messages[:MAX_RUN_MESSAGES]:
        room -= json_codec.size(message.event)
        if run and room < 0:
            break
        run.append(message)
    return run
