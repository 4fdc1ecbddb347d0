"""Retention: contents of messages are removed after a number of days, set by the deployment or for a conversation.

A conversation is checked when its oldest message can have expired, and every 30 days at least, so that a changed
setting of the deployment reaches all conversations. Each check is stored with its due time. Of several checks of
one conversation, only the one that `RetentionProgress.due_at` names is run, or the first one of all.

A check first appends `content_expired`, which names the last expired event. From then on readers know, and no
older message can be updated. Then it removes the contents, a page at a time; sequence ids, message ids and times
stay.

Times are those of the events. Clocks differ, so contents can expire some seconds early or late.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.kernel.clock import from_rfc3339, milliseconds, rfc3339
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.limits import MIN_RETENTION_DAYS
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.kernel.text import SERVICE_ID
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.log.reading import LogReader
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head
from chalicelib.core.model.events import new_event
from chalicelib.core.model.privacy import RetentionCheck, RetentionProgress
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.privacy import RetentionStore
from chalicelib.core.realtime.outbox import Push, pushes_for

SERVICE = Actor(SERVICE_ID, "Service", "agent")
"""The sender of events that no participant caused."""


class Retention:
    """Checks conversations and removes expired contents."""

    def __init__(
        self,
        *,
        retention: RetentionStore,
        conversations: ConversationStore,
        event_log: EventLogStore,
        log: Log,
        log_reader: LogReader,
        runtime: Runtime,
        default_days: int,
    ) -> None:
        """`default_days` is the setting of the deployment; 0 is no limit."""
        self._retention = retention
        self._conversations = conversations
        self._event_log = event_log
        self._log = log
        self._log_reader = log_reader
        self._runtime = runtime
        self._clock = runtime.clock
        self._day = runtime.timing.retention_day
        self._default_days = default_days

    def due_checks(self, limit: int) -> list[RetentionCheck]:
        """Return checks that are due."""
        return self._retention.due_checks(int(self._clock.now()), limit)

    def next_check(self, conversation_id: str) -> RetentionCheck | None:
        """Return the next check of a conversation, if one was scheduled since its creation."""
        due_at = self._retention.progress(conversation_id).due_at
        return RetentionCheck(conversation_id, due_at) if due_at else None

    def run(self, check: RetentionCheck, deadline: float) -> tuple[bool, list[Push]]:
        """Run a check until `deadline` (monotonic), at least one page; return whether it is finished, and pushes.

        An unfinished check stays due. Raises ConversationBusy.
        """
        conversation_id = check.conversation_id
        head = self._event_log.head(conversation_id)
        progress = self._retention.progress(conversation_id)
        details = self._conversations.details(conversation_id)
        if (
            head is None
            or details is None
            or head.state is not ConversationState.LIVE
            or progress.due_at not in (0, check.due_at)
        ):
            self._retention.cancel(check)
            return True, []
        pushes: list[Push] = []
        days = effective_days(details, self._default_days)
        if days:
            head, pushes = self._append_expiry(head, days)
        if not self._clear_contents(head, progress, deadline):
            return False, pushes
        due_at = self._next_due_at(head, days)
        if due_at != check.due_at:  # equal for a check that ran before it was due
            retry_on_conflict(self._runtime, lambda: self._retention.reschedule(check, due_at))
        return True, pushes

    def _append_expiry(self, head: Head, days: int) -> tuple[Head, list[Push]]:
        """Append `content_expired` if more messages have expired; return the new head, and the pushes."""
        cutoff = rfc3339(milliseconds(self._clock) - int(1000 * days * self._day))

        def plan(head: Head) -> Commit:
            up_to = self._last_before(head, cutoff)
            if self._message_count(head, up_to) <= self._message_count(head, head.expired_up_to):
                raise NoChange(head)
            sequence_id, now = head.sequence_id + 1, milliseconds(self._clock)
            event = new_event(
                head.conversation_id, sequence_id, "content_expired", sender=SERVICE, now=now, up_to=up_to
            )
            new = replace(head, sequence_id=sequence_id, updated_at=now, expired_up_to=up_to)
            return Commit(head, new, [event])

        try:
            commit = self._log.append(head.conversation_id, plan)
        except NoChange as nothing:
            return nothing.head, []
        except NotFound:
            return head, []
        return commit.new, pushes_for(commit)

    def _last_before(self, head: Head, cutoff: str) -> int:
        """Return the last event older than `cutoff`, or the last one that has expired before.

        A binary search, as times ascend along the log, up to clock skew.
        """
        low, high = head.expired_up_to, head.sequence_id
        while low < high:
            middle = (low + high + 1) // 2
            stored = self._event_log.event(head.conversation_id, middle)
            if stored is not None and stored.event["created_at"] < cutoff:
                low = middle
            else:
                high = middle - 1
        return low

    def _message_count(self, head: Head, sequence_id: int) -> int:
        """Return the number of messages up to an event."""
        stored = self._event_log.event(head.conversation_id, sequence_id) if sequence_id else None
        return 0 if stored is None else stored.message_count

    def _clear_contents(self, head: Head, progress: RetentionProgress, deadline: float) -> bool:
        """Remove expired contents; return whether none are left."""
        while progress.cleared_up_to < head.expired_up_to:
            cleared_up_to = self._clear_page(head, progress)
            is_complete = cleared_up_to >= head.expired_up_to
            is_stuck = cleared_up_to == progress.cleared_up_to
            if not is_complete and (is_stuck or self._clock.monotonic() >= deadline):
                return False
            progress = progress._replace(cleared_up_to=cleared_up_to)
        return True

    def _clear_page(self, head: Head, progress: RetentionProgress) -> int:
        conversation_id, up_to = head.conversation_id, head.expired_up_to
        return retry_on_conflict(
            self._runtime, lambda: self._retention.clear_contents(conversation_id, progress, up_to)
        )

    def _next_due_at(self, head: Head, days: int) -> int:
        """Return when (epoch seconds) the next check is due."""
        now = self._clock.now()
        latest = int(now + MIN_RETENTION_DAYS * self._day) + 1
        oldest_at = self._oldest_message_at(head) if days else None
        if oldest_at is None:
            return latest
        # Not before the next second: a check cannot replace one with the same key.
        return max(min(int(oldest_at + days * self._day) + 1, latest), int(now) + 1)

    def _oldest_message_at(self, head: Head) -> float | None:
        """Return the time (epoch seconds) of the oldest message that has not expired."""
        position, has_more = head.expired_up_to, True
        while has_more:
            page = self._log_reader.messages_after(head, position, 1)
            if page.events:
                return from_rfc3339(page.events[0]["created_at"])
            has_more, position = page.has_more and page.position > position, page.position
        return None


def effective_days(details: ConversationDetails, default_days: int) -> int:
    """Return after how many days contents expire: the smaller number that is set; 0 is no limit."""
    return min((days for days in (details.retention_days, default_days) if days), default=0)
