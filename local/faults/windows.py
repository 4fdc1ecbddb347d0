"""The transactions that are running, what they hold, and what readers may still see of the old state.

The rules are those of the developer guide, "Amazon DynamoDB Transactions: How it works":

- *Conflicts.* A running transaction holds every item it names, condition checks included. Another
  transaction on one of them is cancelled, a single write is refused. A cancelled transaction holds
  nothing. Single writes among themselves never conflict; one that is already taking effect is waited for.
- *Isolation.* GetItem is serializable with transactions; Query and BatchGetItem are only read-committed:
  they may see some items of a running transaction before it and others after it. Each item changes once:
  as soon as anybody was shown its new state, nobody sees the old one any more.

Shared by all clients of one store; every method is safe to call from any thread.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.faults.calls import ItemKey

Image = dict[str, Any] | None
"""An item as it was at some time; ``None`` if there was none."""


class ItemsHeldError(Exception):
    """A running transaction holds ``keys``, a part of what was asked for."""

    def __init__(self, keys: frozenset[ItemKey]) -> None:
        super().__init__(f"{len(keys)} of the items are part of a running transaction")
        self.keys = keys


class TokenInUseError(Exception):
    """A running transaction has the same ClientRequestToken."""


class RunningTransaction:
    """One transaction between its begin and its end."""

    def __init__(self, keys: frozenset[ItemKey], token: str | None) -> None:
        self.keys = keys
        self.token = token
        self.old_images: dict[ItemKey, Image] = {}


class TransactionWindows:
    """What is running at present."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running: list[RunningTransaction] = []
        self._taking_effect: Counter[ItemKey] = Counter()

    def open(self, keys: frozenset[ItemKey], token: str | None = None) -> RunningTransaction:
        """Begin a transaction on ``keys``; raises ItemsHeldError or TokenInUseError, then nothing is held."""
        with self._condition:
            if token is not None and any(other.token == token for other in self._running):
                raise TokenInUseError
            self._raise_if_held(keys)
            transaction = RunningTransaction(keys, token)
            self._running.append(transaction)
            return transaction

    def close(self, transaction: RunningTransaction) -> None:
        """End a transaction: its items are free and only their new state is seen."""
        with self._condition:
            self._running.remove(transaction)

    def held(self, keys: Iterable[ItemKey]) -> frozenset[ItemKey]:
        """Those of ``keys`` that are part of a running transaction."""
        with self._condition:
            return self._held(frozenset(keys))

    @contextmanager
    def single_write(self, keys: Iterable[ItemKey]) -> Iterator[None]:
        """The moment at which single writes take effect; raises ItemsHeldError instead of entering it."""
        written = frozenset(keys)
        with self._condition:
            self._raise_if_held(written)
            self._taking_effect.update(written)
        try:
            yield
        finally:
            with self._condition:
                self._taking_effect.subtract(written)
                self._taking_effect += Counter()  # drops what is back at zero
                self._condition.notify_all()

    def wait_for_single_writes(self, transaction: RunningTransaction) -> None:
        """Block until no single write is taking effect on the transaction's items; no new one can begin."""
        with self._condition:
            self._condition.wait_for(lambda: not transaction.keys & self._taking_effect.keys())

    def record_old_images(self, transaction: RunningTransaction, images: Mapping[ItemKey, Image]) -> None:
        """Let readers see ``images``, the state before the transaction (and after it, should it fail)."""
        with self._condition:
            transaction.old_images = dict(images)

    def mark_new_visible(self, keys: Iterable[ItemKey]) -> None:
        """Note that the new state of ``keys`` has been shown: from now on everybody sees it."""
        with self._condition:
            for transaction in self._running:
                for key in keys:
                    transaction.old_images.pop(key, None)

    def old_images(
        self, is_requested: Callable[[ItemKey], bool], shows_old: Callable[[ItemKey], bool]
    ) -> dict[ItemKey, Image]:
        """For one read: the wanted items that it sees as they were before a running transaction.

        What ``shows_old`` declines is shown new by this read and is settled by it.
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
