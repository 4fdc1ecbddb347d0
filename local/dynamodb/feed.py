"""A change feed, one `Commit` at a time: the source that a stream would have.

Subscribers are called in the order of commits, after the commit is in the file and before it is acknowledged,
while the engine's writer waits; so a subscriber is quick, and does not write. A process that is killed between the
commit and the call never delivers it: a stream that must not lose changes would store them in the same
transaction, in `Storage.commit`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.dynamodb.schema import Table
from local.dynamodb.storage import Key
from local.dynamodb.values import Item

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a commit; None is no item."""

    table: Table
    key: Key
    old: Item | None
    new: Item | None


@dataclass(frozen=True, slots=True)
class Commit:
    """The changes of one request, or of one deletion of expired items."""

    number: int
    """Counts commits from 1 since the engine was opened."""
    changes: Sequence[Change]
    expired: bool


Subscriber = Callable[[Commit], None]


class Feed:
    """Hands each commit to all subscribers."""

    def __init__(self) -> None:
        self._subscribers: tuple[Subscriber, ...] = ()
        self._number = 0

    @property
    def has_subscribers(self) -> bool:
        """Whether there is a subscriber, and so a need for the items before a change."""
        return bool(self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber for all later commits; the function that is returned removes it again."""
        self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            self._subscribers = tuple(each for each in self._subscribers if each is not subscriber)

        return unsubscribe

    def publish(self, changes: Sequence[Change], *, expired: bool) -> None:
        """Hand over a commit; for the engine, which calls this for one commit at a time."""
        self._number += 1
        commit = Commit(self._number, changes, expired)
        for subscriber in self._subscribers:
            try:
                subscriber(commit)
            except Exception:
                # The commit is in the file, so the caller must receive its answer.
                log.exception("a subscriber of the change feed failed at commit %d", commit.number)
