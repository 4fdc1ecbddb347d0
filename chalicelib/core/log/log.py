"""The log of a conversation: appending to it, and reading it without holes.

**Appending.** Every append is one transaction that moves the head from n to n + k on the condition that
it stands at n, together with the events n + 1 … n + k and everything they imply. So the log is contiguous
at every moment (L3), its head is exact, and whoever appends knows the state that the append is based on.
Two appends at once cannot both stand: the loser learns the new head, or that there was a collision, and
tries again. (`sending.py` says how a crowd of senders does not get lost in that.)

**Reading.** The head is read first, consistently, then the events up to it, consistently. DynamoDB's Query is
only read-committed against transactions (developer guide, "Transaction isolation levels"): it may show half
of an append that is just being committed. So a reader never serves beyond the first id that is missing (L4).

The sequence (`after`, `newest`) is told as it was appended, messages (`messages_before`, `messages_after`) as they
now are: edited, reacted to, deleted (`changing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.backoff import Backoff
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.commits import Commit, HeadConflict, PreconditionFailed, WriteConflict
from chalicelib.core.ports.conversations import ConversationStore

T = TypeVar("T")
BACKOFF_BASE, BACKOFF_CAP = 0.016, 0.25
"""Seconds: the bounds of the delay after the first failed attempt, and of any delay."""
_READ_ATTEMPTS = 5
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Page:
    """A contiguous run of the log, in rising order."""

    events: list[Event]
    has_more: bool
    """There is more in the direction asked."""
    head: int
    """The end of the log, as far as it is readable."""


class NoChange(Exception):
    """Raised by a plan that has nothing to append: at `head`, the log is as the caller wants it."""

    def __init__(self, head: Head, sequence_id: int | None = None) -> None:
        """`sequence_id` is that of the event that made it so, if there is one."""
        super().__init__("the log is already as requested")
        self.head = head
        self.sequence_id = sequence_id


class StaleRead(Exception):
    """Raised by a plan that finds something changed that the caller read before the head."""


class Log:
    """Appends to logs and reads them."""

    def __init__(self, store: ConversationStore, clock: Clock, timing: Timing) -> None:
        self._store = store
        self._clock = clock
        self._timing = timing

    def get_live_head(self, conversation_id: str) -> Head:
        """The head of a live conversation. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        return self.require_live(self._store.head(conversation_id))

    def require_live(self, head: Head | None) -> Head:
        """`head`, if it is of a live conversation; its creation is finished first if it was interrupted."""
        if head is None or head.state is not ConversationState.LIVE:
            raise NotFound
        if head.is_provisional:
            self.finalize_creation(head.conversation_id)
        return head

    def finalize_creation(self, conversation_id: str) -> None:
        """Finish a creation in several steps. Raises ConversationBusy."""
        self.retry_on_conflict(lambda: self._store.finalize_creation(conversation_id))

    def retry_on_conflict(self, write: Callable[[], T]) -> T:
        """`write`, again as long as it collides with others. Raises ConversationBusy."""
        patience = self.new_backoff()
        while True:
            try:
                return write()
            except WriteConflict:
                patience.wait()

    def new_backoff(self) -> Backoff:
        """Return the delays of one append; they end with ConversationBusy."""
        return Backoff(
            self._clock,
            base=BACKOFF_BASE,
            cap=BACKOFF_CAP,
            timeout=self._timing.append_deadline,
            timed_out=lambda: ConversationBusy(retry_after=1),
        )

    def append(
        self,
        conversation_id: str,
        plan: Callable[[Head], Commit],
        head: Head | None = None,
        write: Callable[[Commit], object] | None = None,
    ) -> Commit:
        """Append what `plan` makes of the head; again with a fresh head as long as somebody is quicker.

        `plan` is to read what it decides upon anew each time, and raises what the caller is to be told; or
        HeadConflict, if it has read what came after the head.
        `write` commits, and does beside it what is to be done at the same time.

        Raises:
            NotFound: the conversation is not live.
            ConversationBusy: others were quicker until the deadline; nothing was written.
            PreconditionFailed: because of an erasure; nothing was written.
        """
        patience = self.new_backoff()
        while True:
            if head is None:
                head = self.get_live_head(conversation_id)
            try:
                commit = plan(head)
                (write or self._store.commit)(commit)
                return commit
            except HeadConflict as moved:
                head = self.require_live(moved.current)
                patience.raise_if_expired()
            except (WriteConflict, PreconditionFailed) as failed:
                if isinstance(failed, PreconditionFailed) and failed.erasing:
                    raise
                head = None
                patience.wait()

    # ---- reading ---------------------------------------------------------------------------------------

    def after(self, head: Head, after: int, limit: int) -> Page:
        """Up to `limit` events after `after`. A hole ends the page early and says that there is more."""
        if after >= head.sequence_id:
            return Page([], has_more=False, head=head.sequence_id)
        last = min(after + limit, head.sequence_id)
        events: list[Event] = []
        for _ in range(_READ_ATTEMPTS):
            events = []
            for each in self._store.events(head.conversation_id, after + 1, last):
                if each.event["sequence_id"] != after + 1 + len(events):
                    break
                events.append(each.event)
            if events:
                break
            self._clock.sleep(0.01)
        return Page(events, has_more=after + len(events) < head.sequence_id, head=head.sequence_id)

    def latest(self, head: Head, limit: int) -> Page:
        """The newest `limit` events, contiguous to the head."""
        first = max(head.sequence_id - limit + 1, 1)
        events, top = self._contiguous_below(head, first, head.sequence_id)
        return Page([each.event for each in events], has_more=first > 1, head=top)

    def messages_before(self, head: Head, before: int | None, limit: int) -> Page:
        """Up to `limit` messages before `before`, or the newest, as they now are."""
        top = head.sequence_id if before is None else min(before - 1, head.sequence_id)
        found: list[StoredEvent] = []
        span = limit
        while top >= 1 and len(found) < limit:
            first = max(top - span + 1, 1)
            events, _ = self._contiguous_below(head, first, top)
            messages = [each for each in events if each.event["type"] == "message"]
            found = messages[-(limit - len(found)) :] + found
            top, span = first - 1, min(span * 2, _CHUNK)
        older = bool(found) and found[0].message_count > 1
        return Page([each.current for each in found], has_more=older, head=head.sequence_id)

    def messages_after(self, head: Head, after: int, limit: int) -> Page:
        """Up to `limit` messages after `after`, as they now are."""
        found: list[Event] = []
        position, count = after, 0
        while position < head.sequence_id and len(found) < limit:
            last = min(position + limit, head.sequence_id)
            expected = position + 1
            for each in self._store.events(head.conversation_id, expected, last):
                if each.event["sequence_id"] != expected or len(found) == limit:
                    break
                expected += 1
                count = each.message_count
                if each.event["type"] == "message":
                    found.append(each.current)
            if expected == position + 1:
                return Page(found, has_more=True, head=head.sequence_id)
            position = expected - 1
        more = position < head.sequence_id and count < head.message_count
        return Page(found, has_more=more, head=head.sequence_id)

    def _contiguous_below(self, head: Head, first: int, last: int) -> tuple[list[StoredEvent], int]:
        """All events from `first` to `last` in rising order; a read with a hole is repeated.

        If the newest stay invisible even then, what is below them is served and the end said to be there.
        """
        found: list[StoredEvent] = []
        for _ in range(_READ_ATTEMPTS):
            found = list(self._store.events(head.conversation_id, first, last, descending=True))[::-1]
            if len(found) == last - first + 1:
                return found, last
            self._clock.sleep(0.01)
        whole = [each for index, each in enumerate(found) if each.event["sequence_id"] == first + index]
        return whole, first + len(whole) - 1


def take_within_budget(values: Sequence[T], budget: int, *, newest: bool = False) -> list[T]:
    """As many of `values` from their beginning (from their end, if `newest`) as fit into `budget` bytes."""
    kept: list[T] = []
    for value in reversed(values) if newest else values:
        budget -= json_codec.size(value) + 1
        if budget < 0:
            break
        kept.append(value)
    return kept[::-1] if newest else kept
