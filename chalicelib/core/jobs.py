"""Long work, a step at a time: erasures, and conversations with contents past retention. And telling who went.

A step works for so long and sends itself on if there is more to do. What is sent names a job and nothing else; how
far it has got stands in the store. Nothing depends on the queue losing nothing: whatever is not done has a note in
the store, and the hourly sweep sends it again. Where there is no queue, the sweep does the work itself.

Who went is told on a best effort: if the queue loses that, nobody finds it.
"""

from __future__ import annotations

from .clock import Clock
from .conversations import Conversations
from .data_ports import ErasureStore, Visit, WorkQueue
from .delivery import Delivery
from .erasure import Erasure
from .errors import ChatError, ConversationBusy, Unavailable
from .limits import MOST_DELAY, Timing
from .model import Caller
from .ports import Contended
from .presence import PRESENCE, Presence, departures, work_of
from .retention import Retention

ERASURE, RETENTION = "erasure", "retention"
AT_ONCE = 10
FOUND_AT_ONCE = 100
TOLD_AT_ONCE = 10
"""Conversations in which it is told at the same time who went."""


class UnknownWork(ValueError):
    """Something in the queue that nobody here has put there."""


class Jobs:
    """Begins long work, does steps of it, and finds what was lost."""

    def __init__(
        self,
        erasure: Erasure,
        erasures: ErasureStore,
        retention: Retention,
        conversations: Conversations,
        delivery: Delivery,
        presence: Presence,
        queue: WorkQueue | None,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._erasure = erasure
        self._erasures = erasures
        self._retention = retention
        self._conversations = conversations
        self._delivery = delivery
        self._presence = presence
        self._queue = queue
        self._clock = clock
        self._timing = timing

    def erase(self, caller: Caller) -> dict[str, object]:
        """Ask for the erasure of the caller; how it stands."""
        job_id, view = self._erasure.request(caller)
        if view["status"] == "running":
            self._send(f"{ERASURE}:{job_id}", 0.0)
        return view

    def look_soon(self, conversation_id: str) -> None:
        """Look at a conversation whose retention has changed, and not only with the next sweep."""
        visit = self._retention.next_visit(conversation_id)
        if visit is not None:
            self._send(_looking_at(visit), 0.0)

    def work(self, work: str, seconds: float) -> None:
        """Do a step of about so many seconds, and send on what is left.

        Raises UnknownWork, and Unavailable if the store does not answer: then it is to be tried again.
        """
        after = self._step(work, seconds)
        if after is not None:
            self._send(work, after)

    def _step(self, work: str, seconds: float) -> float | None:
        """A step; in how many seconds the next one is due, None if there is nothing left to do."""
        kind, _, which = work.partition(":")
        if kind == ERASURE:
            return self._erasure.work(which, seconds)
        deadline = self._clock.monotonic() + seconds
        if kind == PRESENCE:
            self._tell(which, deadline)
            return None
        due, _, conversation_id = which.partition(":")
        if kind != RETENTION or not due.isdecimal():
            raise UnknownWork(f"there is no work of the kind {kind[:20]!r}")
        return None if self._visit(Visit(conversation_id, int(due)), deadline) else 0.0

    def _tell(self, named: str, deadline: float) -> None:
        """Tell who went and is not back, and send on what there was no time for."""
        try:
            left = departures(named)
        except ValueError:
            raise UnknownWork("there are no such departures") from None
        while left:
            some, left = left[:TOLD_AT_ONCE], left[TOLD_AT_ONCE:]
            pushes = [push for each in some for push in self._presence.settled(each)]
            self._delivery.deliver(pushes, within=self._timing.socket_fan_out)
            if left and self._clock.monotonic() >= deadline:
                self._send(work_of(left), 0.0)
                return

    def _visit(self, visit: Visit, deadline: float) -> bool:
        try:
            finished, pushes = self._retention.visit(visit, deadline)
        except (ConversationBusy, Contended):
            return False
        self._delivery.deliver(pushes, within=self._timing.socket_fan_out)
        return finished

    def _send(self, work: str, delay: float) -> bool:
        """Whether it was sent. If not, the next sweep finds it."""
        if self._queue is None:
            return False
        try:
            self._queue.send(work, min(delay, MOST_DELAY))
        except Unavailable:
            return False
        return True

    def sweep(self, seconds: float) -> None:
        """Take up what is due, for about so many seconds: what is over, what was lost, what is past retention.

        What fails keeps none of the others from being done; the first failure is raised in the end.
        """
        problems: list[ChatError] = []
        for part in (self._conversations.sweep, self._sweep_erasures, self._sweep_retention):
            try:
                part(seconds / 3)
            except ChatError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _sweep_erasures(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        for job_id in self._erasures.unfinished(int(self._clock.now()), FOUND_AT_ONCE):
            if self._queue is None:
                self._erasure.work(job_id, until - self._clock.monotonic())
            else:
                self._send(f"{ERASURE}:{job_id}", 0.0)
            if self._clock.monotonic() >= until:
                return

    def _sweep_retention(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        unfinished: set[Visit] = set()
        # What is not finished stays due, so it is found again among the others.
        while due := [each for each in self._retention.due(len(unfinished) + AT_ONCE) if each not in unfinished]:
            for visit in due:
                if not self._visit(visit, until):
                    unfinished.add(visit)
                    self._send(_looking_at(visit), 0.0)
                if self._clock.monotonic() >= until:
                    return


def _looking_at(visit: Visit) -> str:
    return f"{RETENTION}:{visit.due}:{visit.conversation_id}"
