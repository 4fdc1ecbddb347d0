"""Checks whether a finished conversation obeys the laws, from its items, responses and pushes.

The checker does not depend on how the application reached this state. It takes the log from the store; every read,
every push and every response must agree with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.invariants.checker.log_state import LogState
from tests.invariants.checker.pushes import Pushes
from tests.invariants.checker.reads import Reads
from tests.invariants.checker.stored_items import StoredItems
from tests.invariants.checker.subscriptions import Subscriptions
from tests.invariants.harness import Harness
from tests.support.items import Items


@dataclass(frozen=True)
class Verdict:
    """The findings of a check, for the assertions of a test."""

    state: str | None
    """The state of the conversation; None if it does not exist (any more)."""
    log: LogState

    @property
    def texts(self) -> list[str]:
        """The current contents of the messages, in order."""
        return self.log.now.texts

    @property
    def types(self) -> list[str]:
        """The types of all events, in order."""
        return [event["type"] for event in self.log.events]


def check(
    harness: Harness,
    *,
    subscribers: Collection[str] = (),
    tidy: bool = True,
    frozen: bool = True,
) -> Verdict:
    """Check a finished conversation. AssertionError names the law that is violated.

    `subscribers` are sockets that have been connected and subscribed since their `subscribed` reply: they must
    have received everything. `tidy=False` allows the unused rows that a crash or fault may leave. `frozen=False`
    allows reads to repair unfinished state.
    """
    return _Check(harness, harness.items(), tidy=tidy, frozen=frozen).run(subscribers)


def check_items(harness: Harness, items: Items, *, subscribers: Collection[str] = ()) -> Verdict:
    """Check given items instead of those in the store."""
    return _Check(harness, items, tidy=True, frozen=True).run(subscribers)


class _Check(StoredItems, Pushes, Subscriptions, Reads):
    def run(self, hears: Collection[str]) -> Verdict:
        if self._head is None:
            self._nothing_to_see()
            return Verdict(None, LogState([]))
        self._log_is_contiguous()
        self._head_tells_the_truth()
        self._every_send_is_in_once()
        self._members_are_as_told()
        self._moderation_is_as_told()
        self._messages_are_as_told()
        self._acknowledged_is_in_the_log()
        self._nothing_false_was_said()
        self._strangers_heard_nothing()
        self._only_members_listen()
        if self._head["state"] == "live":
            self._read_by_everybody()
            self._heard_everything(hears)
        else:
            self._nothing_to_see()
            self._told_of_the_end(hears)
        return Verdict(self._head["state"], self._story)
