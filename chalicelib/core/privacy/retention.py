"""Retention: what messages say goes after so many days, for the whole deployment or for one conversation.

A conversation is looked at when the next message can be past retention, and every 30 days at least, so that a
changed setting of the deployment reaches all of them; a note (`data_ports.Visit`) says when. Of several notes only
the one counts that `Kept.due` names, or the first one of all.

First an event says up to where contents are gone (`content_expired`), so that readers know, and from then on no
older message can be changed. Then the contents are removed, a page at a time. Places, ids and times stay.

Times are those of the events. Clocks differ, so a message can go seconds early or late.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.kernel.clock import Clock, from_rfc3339, milliseconds, rfc3339
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.limits import MIN_RETENTION_DAYS, Timing
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head
from chalicelib.core.model.events import new_event
from chalicelib.core.model.privacy import RetentionCheck, RetentionProgress
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.privacy import RetentionStore
from chalicelib.core.realtime.outbox import Push, pushes_for

SERVICE = Actor("service", "Service", "agent")
"""Who does what nobody asked for."""


def effective_days(info: ConversationDetails, of_deployment: int) -> int:
    """How many days contents are kept: the shorter of the two counts; 0 is for ever."""
    return min((days for days in (info.retention_days, of_deployment) if days), default=0)


class Retention:
    """Looks at conversations, and removes what is past retention."""

    def __init__(
        self,
        kept: RetentionStore,
        store: ConversationStore,
        log: Log,
        clock: Clock,
        timing: Timing,
        of_deployment: int,
    ) -> None:
        self._kept = kept
        self._store = store
        self._log = log
        self._clock = clock
        self._timing = timing
        self._of_deployment = of_deployment

    def due_checks(self, limit: int) -> list[RetentionCheck]:
        """Which conversations are to be looked at now."""
        return self._kept.due_checks(int(self._clock.now()), limit)

    def next_check(self, conversation_id: str) -> RetentionCheck | None:
        """When a conversation is looked at next, if that was ever said since it was made."""
        due = self._kept.progress(conversation_id).due_at
        return RetentionCheck(conversation_id, due) if due else None

    def run(self, visit: RetentionCheck, deadline: float) -> tuple[bool, list[Push]]:
        """Look at a conversation until `deadline`, by the monotonic clock; whether that is finished, what to push.

        What is not finished goes on with the next look; however soon that is, something is done. Raises
        ConversationBusy.
        """
        where = visit.conversation_id
        head, kept, info = self._store.head(where), self._kept.progress(where), self._store.details(where)
        if (
            head is None
            or info is None
            or head.state is not ConversationState.LIVE
            or kept.due_at not in (0, visit.due_at)
        ):
            self._kept.cancel(visit)
            return True, []
        pushes: list[Push] = []
        days = effective_days(info, self._of_deployment)
        if days:
            head, pushes = self._expire(head, days)
        while kept.cleared_up_to < head.expired_up_to:
            cleared = self._clear(where, kept, head.expired_up_to)
            if cleared < head.expired_up_to and (
                cleared == kept.cleared_up_to or self._clock.monotonic() >= deadline
            ):
                return False, pushes
            kept = replace(kept, cleared_up_to=cleared)
        following = self._next(head, days)
        if following != visit.due_at:  # who looks before it is due finds the note where it is to be
            self._log.retry_on_conflict(lambda: self._kept.reschedule(visit, following))
        return True, pushes

    def _clear(self, where: str, kept: RetentionProgress, up_to: int) -> int:
        return self._log.retry_on_conflict(lambda: self._kept.clear_contents(where, kept, up_to))

    def _expire(self, head: Head, days: int) -> tuple[Head, list[Push]]:
        """Say up to where contents are gone, if that has moved over any message; the head from then on."""
        cutoff = rfc3339(milliseconds(self._clock) - int(1000 * days * self._timing.retention_day))

        def plan(head: Head) -> Commit:
            up_to = self._last_before(head, cutoff)
            if self._messages(head, up_to) <= self._messages(head, head.expired_up_to):
                raise NoChange(head)
            number = head.sequence_id + 1
            now = milliseconds(self._clock)
            event = new_event(
                head.conversation_id, number, "content_expired", sender=SERVICE, now=now, up_to=up_to
            )
            # No activity of anybody's: `updated_at` stays, by which lists are ordered.
            return Commit(head, replace(head, sequence_id=number, expired_up_to=up_to), [event])

        try:
            commit = self._log.append(head.conversation_id, plan)
        except NoChange as nothing:
            return nothing.head, []
        except NotFound:
            return head, []
        return commit.new, pushes_for(commit)

    def _last_before(self, head: Head, cutoff: str) -> int:
        """The last event that is older, as far as times rise with the log; at least the last that has expired."""
        low, high = head.expired_up_to, head.sequence_id
        while low < high:
            middle = (low + high + 1) // 2
            found = self._store.event(head.conversation_id, middle)
            if found is not None and found.event["created_at"] < cutoff:
                low = middle
            else:
                high = middle - 1
        return low

    def _messages(self, head: Head, sequence_id: int) -> int:
        """How many messages there are up to an event."""
        found = self._store.event(head.conversation_id, sequence_id) if sequence_id else None
        return 0 if found is None else found.message_count

    def _next(self, head: Head, days: int) -> int:
        """When to look again (epoch seconds)."""
        now, day = self._clock.now(), self._timing.retention_day
        latest = int(now + MIN_RETENTION_DAYS * day) + 1
        oldest = self._oldest_kept(head) if days else None
        if oldest is None:
            return latest
        # Not before the next second: a note cannot take its own place.
        return max(min(int(oldest + days * day) + 1, latest), int(now) + 1)

    def _oldest_kept(self, head: Head) -> float | None:
        """When (epoch seconds) the oldest message was said that says something still."""
        page = self._log.messages_after(head, head.expired_up_to, 1)
        return from_rfc3339(page.events[0]["created_at"]) if page.events else None
