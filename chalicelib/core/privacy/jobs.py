"""Background jobs: erasures, retention checks, offline pushes, invitations, and copies of profiles.

A step of a job runs for some seconds and queues the next one if there is more to do. The queue holds only the
name of a job; its progress is in the stores. Nothing depends on the queue: the hourly sweep finds all pending
work in the stores and queues it again, or does it itself if there is no queue. Only the pushes of presence are
best effort: if the queue loses such a job, they are not sent.
"""

from __future__ import annotations

import contextlib

from chalicelib.core.conversations.invitations import INVITED, Invitations
from chalicelib.core.conversations.lifecycle import Lifecycle
from chalicelib.core.conversations.profile_copies import ProfileCopies
from chalicelib.core.conversations.profiles import PROFILE
from chalicelib.core.kernel.errors import ConversationBusy, Unavailable
from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.privacy import RetentionCheck
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.ports.privacy import ErasureStore
from chalicelib.core.ports.profiles import ProfileStore
from chalicelib.core.privacy.erasure import Erasure
from chalicelib.core.privacy.retention import Retention
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.outbox import Push
from chalicelib.core.realtime.presence import PRESENCE, Presence, decode_job, encode_job

ERASURE, RETENTION = "erasure", "retention"
"""Kinds of jobs, as are `PRESENCE`, `INVITED` and `PROFILE`; a job is named `kind:…`."""
CHECKS_PER_QUERY = 10
ERASURES_PER_SWEEP = 100
PROFILES_PER_QUERY = 100
OFFLINE_CONCURRENCY = 10
"""Batches whose offline pushes are sent at the same time."""


class UnknownJob(ValueError):
    """The queue holds something that is not the name of a job."""


class Jobs:
    """Starts background jobs, runs their steps, and finds those that were lost."""

    def __init__(
        self,
        *,
        erasures: ErasureStore,
        erasure: Erasure,
        retention: Retention,
        lifecycle: Lifecycle,
        fan_out: FanOut,
        presence: Presence,
        invitations: Invitations,
        profile_copies: ProfileCopies,
        profiles: ProfileStore,
        queue: JobQueue | None,
        runtime: Runtime,
    ) -> None:
        self._erasures = erasures
        self._erasure = erasure
        self._retention = retention
        self._lifecycle = lifecycle
        self._fan_out = fan_out
        self._presence = presence
        self._invitations = invitations
        self._profile_copies = profile_copies
        self._profiles = profiles
        self._queue = queue
        self._clock = runtime.clock
        self._timing = runtime.timing

    def erase(self, caller: Principal) -> dict[str, object]:
        """Request the erasure of the caller; return its status. Raises ConversationBusy."""
        job_id, status = self._erasure.request(caller)
        if status["status"] == "running":
            self._send(f"{ERASURE}:{job_id}", 0.0)
        return status

    def schedule_check(self, conversation_id: str) -> None:
        """Queue the next check of a conversation whose retention was changed; the sweep would run it later."""
        check = self._retention.next_check(conversation_id)
        if check is not None:
            self._send(_job_name(check), 0.0)

    def start(self, job: str) -> None:
        """Queue a job that need not be repeated if the queue loses it; without a queue, run it."""
        if self._queue is None:
            self._run_step(job, 0.0)
        else:
            self._send(job, 0.0)

    def run(self, job: str, seconds: float) -> None:
        """Run a step of about `seconds`, and queue the next one.

        Raises UnknownJob, and Unavailable if the store does not respond: then the step is to be run again.
        """
        delay = self._run_step(job, seconds)
        if delay is not None:
            self._send(job, delay)

    def _run_step(self, job: str, seconds: float) -> float | None:
        """Run a step; return in how many seconds the next one is due, None if the job is done."""
        kind, _, rest = job.partition(":")
        if kind == ERASURE:
            return self._erasure.run(rest, seconds)
        if kind == PROFILE:
            return self._profile_copies.run(rest, seconds)
        deadline = self._clock.monotonic() + seconds
        if kind == INVITED:
            self._post_invitations(rest)
            return None
        if kind == PRESENCE:
            self._resolve_presence(rest, deadline)
            return None
        due_at, _, conversation_id = rest.partition(":")
        if kind != RETENTION or not due_at.isdecimal():
            raise UnknownJob(f"there is no job of the kind {kind[:20]!r}")
        is_finished = self._check_retention(RetentionCheck(conversation_id, int(due_at)), deadline)
        return None if is_finished else 0.0

    def _resolve_presence(self, batches: str, deadline: float) -> None:
        """Send the offline pushes that are due, and queue the rest at the deadline."""
        try:
            pending = decode_job(batches)
        except ValueError:
            raise UnknownJob("a presence job must name batches") from None
        while pending:
            batch, pending = pending[:OFFLINE_CONCURRENCY], pending[OFFLINE_CONCURRENCY:]
            pushes: list[Push] = []
            try:
                for offline in batch:
                    pushes += self._presence.resolve(offline)
            finally:  # those that were resolved before an error are not found again
                self._fan_out.deliver(pushes, within=self._timing.socket_fan_out)
            if pending and self._clock.monotonic() >= deadline:
                self._send(encode_job(pending), 0.0)
                return

    def _post_invitations(self, job: str) -> None:
        try:
            pushes = self._invitations.pushes(job)
        except ValueError:
            raise UnknownJob("a job about invitations must name pending memberships") from None
        self._fan_out.deliver(pushes, within=self._timing.socket_fan_out)

    def _check_retention(self, check: RetentionCheck, deadline: float) -> bool:
        """Run a check; return whether it is finished."""
        try:
            is_finished, pushes = self._retention.run(check, deadline)
        except (ConversationBusy, WriteConflict):
            return False
        self._fan_out.deliver(pushes, within=self._timing.socket_fan_out)
        return is_finished

    def _send(self, job: str, delay: float) -> None:
        """Queue a job. If that fails, the next sweep finds it."""
        if self._queue is None:
            return
        with contextlib.suppress(Unavailable):
            self._queue.send(job, min(delay, MAX_DELAY))

    # ---- sweep -----------------------------------------------------------------------------------------

    def sweep(self, seconds: float) -> None:
        """Purge conversations, and take up erasures, retention checks and profiles, for about `seconds`.

        An error in one of them does not prevent the others; the first error is raised at the end.
        """
        errors: list[Exception] = []
        sweeps = (self._lifecycle.purge_due, self._sweep_erasures, self._sweep_retention, self._sweep_profiles)
        for sweep in sweeps:
            try:
                sweep(seconds / len(sweeps))
            except Exception as error:  # noqa: BLE001 — raised at the end
                errors.append(error)
        if errors:
            raise errors[0]

    def _sweep_erasures(self, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        for job_id in self._erasures.list_pending(int(self._clock.now()), ERASURES_PER_SWEEP):
            if self._queue is None:
                self._erasure.run(job_id, deadline - self._clock.monotonic())
            else:
                self._send(f"{ERASURE}:{job_id}", 0.0)
            if self._clock.monotonic() >= deadline:
                return

    def _sweep_profiles(self, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        job_id: str | None = None
        while job_ids := self._profiles.pending(job_id, PROFILES_PER_QUERY):
            for job_id in job_ids:
                if self._queue is None:
                    self._profile_copies.run(job_id, deadline - self._clock.monotonic())
                else:
                    self._send(f"{PROFILE}:{job_id}", 0.0)
                if self._clock.monotonic() >= deadline:
                    return

    def _sweep_retention(self, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        unfinished: set[RetentionCheck] = set()
        while due := self._other_due_checks(unfinished):
            for check in due:
                if not self._check_retention(check, deadline):
                    unfinished.add(check)
                    self._send(_job_name(check), 0.0)
                if self._clock.monotonic() >= deadline:
                    return

    def _other_due_checks(self, unfinished: set[RetentionCheck]) -> list[RetentionCheck]:
        """Return due checks, but for those that were run and are not finished, which stay due."""
        due = self._retention.due_checks(len(unfinished) + CHECKS_PER_QUERY)
        return [check for check in due if check not in unfinished]


def _job_name(check: RetentionCheck) -> str:
    return f"{RETENTION}:{check.due_at}:{check.conversation_id}"
