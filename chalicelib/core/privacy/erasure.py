"""Erasing a participant from every conversation that they are or were in, with everything that they wrote.

The pending work is stored as the *data locations* of the participant. In each one the erasure is begun, then the
items are rewritten, then the location is deleted (`erasure_steps.py`). When none is left, the erasure is done. So
there is no separate list of work that could be wrong, and any process can continue, after a crash or in parallel
with another one.
"""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.privacy import ErasureJob, erasure_id
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.consent import BlockStore, PendingStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.directs import DirectStore
from chalicelib.core.ports.privacy import ErasureStore, ParticipantDataStore
from chalicelib.core.privacy.erasure_steps import RETRY_DELAY, ErasureSteps
from chalicelib.core.protocol.frames import disconnect
from chalicelib.core.realtime.fan_out import FanOut

if TYPE_CHECKING:
    from chalicelib.core.ports.profiles import ProfileStore
    from chalicelib.core.ports.reports import ReportStore
    from chalicelib.core.ports.revocations import RevocationStore

ERASED_FRAME = disconnect("ERASED", "Your data is being erased, as you asked.", reconnect=False)


class Erasure:
    """Requests erasures, shows their status, and runs them in steps."""

    def __init__(
        self,
        *,
        erasures: ErasureStore,
        revocations: RevocationStore,
        connections: ConnectionStore,
        participant_data: ParticipantDataStore,
        blocks: BlockStore,
        pending: PendingStore,
        reports: ReportStore,
        conversations: ConversationStore,
        directs: DirectStore,
        profiles: ProfileStore,
        steps: ErasureSteps,
        fan_out: FanOut,
        runtime: Runtime,
    ) -> None:
        self._erasures = erasures
        self._revocations = revocations
        self._connections = connections
        self._participant_data = participant_data
        self._blocks = blocks
        self._pending = pending
        self._reports = reports
        self._conversations = conversations
        self._directs = directs
        self._profiles = profiles
        self._steps = steps
        self._fan_out = fan_out
        self._runtime = runtime
        self._clock = runtime.clock

    # ---- request ---------------------------------------------------------------------------------------

    def request(self, caller: Principal) -> tuple[str, dict[str, Any]]:
        """Request the erasure of the caller, unless one is running; return its id and status.

        The tokens of the caller are revoked first: no connection can be opened that the erasure does not find.

        Raises ConversationBusy.
        """
        job_id, now = erasure_id(caller.participant_id), milliseconds(self._clock)
        self._revocations.revoke(caller.participant_id, now, now // 1000 + self._runtime.token_lifetime)
        job = ErasureJob(job_id, now, 0, 0, caller.participant_id, secrets.token_hex(16))
        if retry_on_conflict(self._runtime, lambda: self._erasures.begin(job)):
            # Counted after the begin, when no more of them can be added.
            job = job._replace(total=len(self._erasures.data_locations(caller.participant_id)))
            retry_on_conflict(self._runtime, lambda: self._erasures.set_total(job))
        return job_id, _status(self._erasures.job(job_id) or job)

    def status(self, caller: Principal) -> dict[str, Any]:
        """Return the status of the caller's erasure. Raises NotFound if none was ever requested."""
        job = self._erasures.job(erasure_id(caller.participant_id))
        if job is None:
            raise NotFound
        return _status(job)

    # ---- run -------------------------------------------------------------------------------------------

    def run(self, job_id: str, seconds: float) -> float | None:
        """Run a step of about `seconds`, in which at least one page is done.

        Returns in how many seconds the next step is due, or None if the erasure is done.
        """
        job = self._erasures.job(job_id)
        if job is None or not job.is_running:
            return None
        deadline = self._clock.monotonic() + seconds
        self._disconnect(job)
        delays: list[float] = []
        for step, is_begun in ((self._steps.begin, False), (self._steps.rewrite, True)):
            for location in self._erasures.data_locations(job.participant_id):
                if bool(location.erased_at_event) != is_begun:
                    continue
                try:
                    delays += step(job, location, deadline)
                except (ConversationBusy, WriteConflict):
                    delays.append(RETRY_DELAY)
                if self._clock.monotonic() >= deadline:
                    return 0.0
        if self._erasures.data_locations(job.participant_id):
            return min(delays, default=0.0)
        return None if self._finish(job) else 0.0

    def _finish(self, job: ErasureJob) -> bool:
        """End an erasure; return False if there is a data location after all."""
        self._disconnect(job)
        self._participant_data.delete_participant(job.participant_id)
        self._reports.erase_copies(job.participant_id)
        backoff = new_backoff(self._runtime)
        while True:
            # Of a transaction that moves a location, a query can show neither the old one nor the new one.
            retry_on_conflict(self._runtime, functools.partial(self._erasures.await_moves, job))
            current, standing = self._erasures.job(job.job_id), self._pending.standing(job.participant_id)
            if current is None or current.pseudonym_salt != job.pseudonym_salt:
                return True
            if self._erasures.data_locations(job.participant_id):
                return False
            # Others can still block the participant, and add them to conversations: each changes the standing.
            retry_on_conflict(self._runtime, functools.partial(self._blocks.erase_blocks, job))
            self._pending.erase_pending(job.participant_id)
            self._conversations.erase_creations(job.participant_id)
            erase_links = functools.partial(self._directs.erase_links, job.participant_id)
            retry_on_conflict(self._runtime, erase_links)
            self._profiles.erase(job.participant_id)
            finish = functools.partial(self._erasures.finish, current, standing, milliseconds(self._clock))
            if retry_on_conflict(self._runtime, finish):
                return True
            backoff.wait()

    def _disconnect(self, job: ErasureJob) -> None:
        for connection_id in self._connections.all_of(job.participant_id):
            self._fan_out.disconnect(connection_id, ERASED_FRAME)


def _status(job: ErasureJob) -> dict[str, Any]:
    status: dict[str, Any] = {
        "status": "running" if job.is_running else "done",
        "conversations_total": max(job.total, job.done),
        "conversations_done": job.done,
        "requested_at": rfc3339(job.requested_at),
    }
    return status if job.is_running else status | {"finished_at": rfc3339(job.done_at)}
