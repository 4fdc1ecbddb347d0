"""Long work, a step at a time: erasures, and conversations with contents past retention. And telling who went.

A step works for so long and sends itself on if there is more to do. What is sent names a job and nothing else; how
far it has got stands in the store. Nothing depends on the queue losing nothing: whatever is not done has a note in
the store, and the hourly sweep sends it again. Where there is no queue, the sweep does the work itself.

Who went is told on a best effort: if the queue loses that, nobody finds it.
"""

from __future__ import annotations

from chalicelib.core.conversations.conversations import Conversations
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import ChatError, ConversationBusy, Unavailable
from chalicelib.core.kernel.limits import MAX_DELAY, Timing
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.privacy import RetentionCheck
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.ports.privacy import ErasureStore
from chalicelib.core.privacy.erasure import Erasure
from chalicelib.core.privacy.retention import Retention
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.presence import PRESENCE, Presence, decode_job, encode_job

ERASURE, RETENTION = "erasure", "retention"
CHECKS_PER_QUERY = 10
ERASURES_PER_SWEEP = 100
OFFLINE_CONCURRENCY = 10
"""Conversations in which it is told at the same time who went."""


class UnknownJob(ValueError):
    """Something in the queue that nobody here has put there."""


class Jobs:
    """Begins long work, does steps of it, and finds what was lost."""

    def __init__(
        self,
        erasure: Erasure,
        erasures: ErasureStore,
        retention: Retention,
        conversations: Conversations,
        delivery: FanOut,
        presence: Presence,
        queue: JobQueue | None,
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

    def erase(self, caller: Principal) -> dict[str, object]:
        """Ask for the erasure of the caller; how it stands."""
        job_id, view = self._erasure.request(caller)
        if view["status"] == "running":
            self._send(f"{ERASURE}:{job_id}", 0.0)
        return view

    def schedule_check(self, conversation_id: str) -> None:
        """Look at a conversation whose retention has changed, and not only with the next sweep."""
        visit = self._retention.next_check(conversation_id)
        if visit is not None:
            self._send(_job_name(visit), 0.0)

    def run(self, job: str, seconds: float) -> None:
        """Do a step of about so many seconds, and send on what is left.

        Raises UnknownJob, and Unavailable if the store does not answer: then it is to be tried again.
        """
        after = self._run_step(job, seconds)
        if after is not None:
            self._send(job, after)

    def _run_step(self, work: str, seconds: float) -> float | None:
        """A step; in how many seconds the next one is due, None if there is nothing left to do."""
        kind, _, which = work.partition(":")
        if kind == ERASURE:
            return self._erasure.run(which, seconds)
        deadline = self._clock.monotonic() + seconds
        if kind == PRESENCE:
            self._resolve_presence(which, deadline)
            return None
        due, _, conversation_id = which.partition(":")
        if kind != RETENTION or not due.isdecimal():
            raise UnknownJob(f"there is no work of the kind {kind[:20]!r}")
        return None if self._check_retention(RetentionCheck(conversation_id, int(due)), deadline) else 0.0

    def _resolve_presence(self, named: str, deadline: float) -> None:
        """Tell who went and is not back, and send on what there was no time for."""
        try:
            left = decode_job(named)
        except ValueError:
            raise UnknownJob("there are no such departures") from None
        while left:
            some, left = left[:OFFLINE_CONCURRENCY], left[OFFLINE_CONCURRENCY:]
            pushes = [push for each in some for push in self._presence.resolve(each)]
            self._delivery.deliver(pushes, within=self._timing.socket_fan_out)
            if left and self._clock.monotonic() >= deadline:
                self._send(encode_job(left), 0.0)
                return

    def _check_retention(self, visit: RetentionCheck, deadline: float) -> bool:
        try:
            finished, pushes = self._retention.run(visit, deadline)
        except (ConversationBusy, WriteConflict):
            return False
        self._delivery.deliver(pushes, within=self._timing.socket_fan_out)
        return finished

    def _send(self, work: str, delay: float) -> bool:
        """Whether it was sent. If not, the next sweep finds it."""
        if self._queue is None:
            return False
        try:
            self._queue.send(work, min(delay, MAX_DELAY))
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
        for job_id in self._erasures.list_pending(int(self._clock.now()), ERASURES_PER_SWEEP):
            if self._queue is None:
                self._erasure.run(job_id, until - self._clock.monotonic())
            else:
                self._send(f"{ERASURE}:{job_id}", 0.0)
            if self._clock.monotonic() >= until:
                return

    def _sweep_retention(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        unfinished: set[RetentionCheck] = set()
        # What is not finished stays due, so it is found again among the others.
        while due := [
            each
            for each in self._retention.due_checks(len(unfinished) + CHECKS_PER_QUERY)
            if each not in unfinished
        ]:
            for visit in due:
                if not self._check_retention(visit, until):
                    unfinished.add(visit)
                    self._send(_job_name(visit), 0.0)
                if self._clock.monotonic() >= until:
                    return


def _job_name(visit: RetentionCheck) -> str:
    return f"{RETENTION}:{visit.due_at}:{visit.conversation_id}"
