"""The running transactions, the items they hold, and the old state that readers may still see.

The rules are those of the developer guide, "Amazon DynamoDB Transactions: How it works":

- *Conflicts.* A running transaction holds every item it names, including condition checks. Another transaction on
one
  of them is cancelled, a single write is rejected. A cancelled transaction holds nothing. Single writes never
  conflict with each other; a transaction waits for one that is already taking effect.
- *Isolation.* GetItem is serializable with transactions; Query and BatchGetItem are only read-committed: they may
  return some items of a running transaction in the old and others in the new state. Each item changes once: after
  any reader has seen its new state, no reader sees the old one.

Shared by all clients of one store. Thread-safe.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.faults.calls import ItemKey

Image = dict[str, Any] | None
"""The state of an item at some time; ``None`` if it did not exist."""


class ItemsHeldError(Exception):
    """A running transaction holds ``keys``, some of the requested items."""

    def __init__(self, keys: frozenset[ItemKey]) -> None:
        super().__init__(f"{len(keys)} of the items are part of a running transaction")
        self.keys = keys


class TokenInUseError(Exception):
    """A running transaction has the same ClientRequestToken."""


class RunningTransaction:
    """One transaction between its start and its end."""

    def __init__(self, keys: frozenset[ItemKey], token: str | None) -> None:
        self.keys = keys
        self.token = token
        self.old_images: dict[ItemKey, Image] = {}


class TransactionWindows:
    """The running transactions of a store."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running: list[RunningTransaction] = []
        self._taking_effect: Counter[ItemKey] = Counter()

    def open(self, keys: frozenset[ItemKey], token: str | None = None) -> RunningTransaction:
        """Start a transaction on ``keys``. Raises ItemsHeldError or TokenInUseError, and then holds nothing."""
        with self._condition:
            if token is not None and any(other.token == token for other in self._running):
                raise TokenInUseError
            self._raise_if_held(keys)
            transaction = RunningTransaction(keys, token)
            self._running.append(transaction)
            return transaction

    def close(self, transaction: RunningTransaction) -> None:
        """End a transaction: its items are free, and only their new state is visible."""
        with self._condition:
            self._running.remove(transaction)

    def held(self, keys: Iterable[ItemKey]) -> frozenset[ItemKey]:
        """Return those of ``keys`` that a running transaction holds."""
        with self._condition:
            return self._held(frozenset(keys))

    @contextmanager
    def single_write(self, keys: Iterable[ItemKey]) -> Iterator[None]:
        """Mark single writes as taking effect for the context. Raises ItemsHeldError on entry."""
        written = frozenset(keys)
        with self._condition:
            self._raise_if_held(written)
            self._taking_effect.update(written)
        try:
            yield
        finally:
            with self._condition:
                self._taking_effect.subtract(written)
                self._taking_effect += Counter()  # removes keys whose count is zero
                self._condition.notify_all()

    def wait_for_single_writes(self, transaction: RunningTransaction) -> None:
        """Wait until no single write is taking effect on the transaction's items; no new one can start."""
        with self._condition:
            self._condition.wait_for(lambda: not transaction.keys & self._taking_effect.keys())

    def record_old_images(self, transaction: RunningTransaction, images: Mapping[ItemKey, Image]) -> None:
        """Let readers see ``images``, the state before the transaction (also after it, if it fails)."""
        with self._condition:
            transaction.old_images = dict(images)

    def mark_new_visible(self, keys: Iterable[ItemKey]) -> None:
        """Record that a reader has seen the new state of ``keys``: no later read returns the old one."""
        with self._condition:
            for transaction in self._running:
                for key in keys:
                    transaction.old_images.pop(key, None)

    def old_images(
        self, is_requested: Callable[[ItemKey], bool], shows_old: Callable[[ItemKey], bool]
    ) -> dict[ItemKey, Image]:
        """Return, for one read, the requested items that it sees in their old state.

        Items for which ``shows_old`` returns False are marked as visible in their new state.
        """
        with self._condition:
            visible: dict[ItemKey, Image] = {}
            for transaction in self._running:
                for key in [key for key in transaction.old_images if is_requested(key)]:
                    if shows_old(key):
                        visible[key] = transaction.old_images[key]
                    else:
                        del transaction.old_images[key]
            return visible

    def _raise_if_held(self, keys: frozenset[ItemKey]) -> None:
        if held := self._held(keys):
            raise ItemsHeldError(held)

    def _held(self, keys: frozenset[ItemKey]) -> frozenset[ItemKey]:
        return frozenset().union(*(keys & transaction.keys for transaction in self._running))
