"""Erasing a person: out of every conversation they are or were in, for good, and nothing said by them left.

What says where they were are their own places (`data_ports.Place`): one after the other is begun, gone through
and removed, and when there is none left, the erasure is done. So there is no list of what is to do that could be
wrong, and whoever takes it up, after a crash or beside somebody else, goes on where it stands.

**Begin.** They leave, by an append that also says so (`participant_erased`) and turns their membership into a
trace. From the moment the erasure was asked for, no membership of theirs can begin (`append.py` has that as a
condition of every transaction that makes one), so no conversation is missed.

**Wait.** A message that mentions them may have been checked before they left and be appended after. Whoever is
about to do that is done or dead after `Timing.erasure_settles`: no invocation may take so long.

**Go through** all that the conversation holds and rewrite what names them (`redaction.py`), a page at a time.
Nobody can name them there any more; but a ban of somebody who is not in can: it renews the trace, and all begins
again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.core.conversations.membership import Members
from chalicelib.core.kernel.clock import Clock, milliseconds, rfc3339
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.log.log import Log, StaleRead
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.privacy import DataLocation, ErasureCommit, ErasureJob, erasure_id
from chalicelib.core.model.redaction import ERASED_NAME, Redaction
from chalicelib.core.ports.commits import Commit, PreconditionFailed, WriteConflict
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.ports.privacy import ErasureStore
from chalicelib.core.protocol.frames import disconnect
from chalicelib.core.realtime.fan_out import FanOut

ERASED_FRAME = disconnect("ERASED", "Your data is being erased, as you asked.", reconnect=False)
RETRY_DELAY = 5.0
"""How long to wait for what is in the way: a crowd of writers, or a conversation that is being made."""
_SOCKET_SECONDS = 5.0


class Erasure:
    """Asking for it, asking how it goes, and doing it in steps."""

    def __init__(
        self,
        erasures: ErasureStore,
        store: ConversationStore,
        moderation: ModerationStore,
        connections: ConnectionStore,
        members: Members,
        log: Log,
        delivery: FanOut,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._erasures = erasures
        self._store = store
        self._moderation = moderation
        self._connections = connections
        self._members = members
        self._log = log
        self._delivery = delivery
        self._clock = clock
        self._timing = timing

    # ---- asking ----------------------------------------------------------------------------------------

    def request(self, caller: Principal) -> tuple[str, dict[str, Any]]:
        """Begin to erase the caller, or find that it has begun; the id of the erasure, and how it stands."""
        job_id = erasure_id(caller.participant_id)
        job = ErasureJob(job_id, milliseconds(self._clock), 0, 0, caller.participant_id, secrets.token_hex(16))
        if self._log.retry_on_conflict(lambda: self._erasures.begin(job)):
            # Counted after the begin: from then on there are no more of them.
            job = replace(job, total=len(self._erasures.data_locations(caller.participant_id)))
            self._log.retry_on_conflict(lambda: self._erasures.set_total(job))
        return job_id, self._view(self._erasures.job(job_id) or job)

    def status(self, caller: Principal) -> dict[str, Any]:
        """How the erasure of the caller stands. Raises NotFound if none was ever asked for."""
        job = self._erasures.job(erasure_id(caller.participant_id))
        if job is None:
            raise NotFound
        return self._view(job)

    def _view(self, job: ErasureJob) -> dict[str, Any]:
        view: dict[str, Any] = {
            "status": "running" if job.is_running else "done",
            "conversations_total": max(job.total, job.done),
            "conversations_done": job.done,
            "requested_at": rfc3339(job.requested_at),
        }
        return view if job.is_running else view | {"finished_at": rfc3339(job.done_at)}

    # ---- doing it --------------------------------------------------------------------------------------

    def run(self, job_id: str, seconds: float) -> float | None:
        """Go on for about so many seconds; in how many more to do so again, None if nothing is left to do.

        However few they are, something is done.
        """
        job = self._erasures.job(job_id)
        if job is None or not job.is_running:
            return None
        deadline = self._clock.monotonic() + seconds
        self._disconnect(job)
        waits: list[float] = []
        for step in (self._begin, self._rewrite):
            begun = step == self._rewrite
            for place in self._erasures.data_locations(job.participant_id):
                if begun != bool(place.erased_at_event):
                    continue
                try:
                    waits += step(job, place, deadline)
                except (ConversationBusy, WriteConflict):
                    waits.append(RETRY_DELAY)
                if self._clock.monotonic() >= deadline:
                    return 0.0
        if self._erasures.data_locations(job.participant_id):
            return min(waits, default=0.0)
        self._disconnect(job)
        self._connections.delete_participant(job.participant_id)
        current = self._erasures.job(job_id)
        if current is not None and current.pseudonym_salt == job.pseudonym_salt:
            self._log.retry_on_conflict(lambda: self._erasures.finish(current, milliseconds(self._clock)))
        return None

    def _disconnect(self, job: ErasureJob) -> None:
        for each in self._connections.active_connections_of(job.participant_id):
            self._delivery.disconnect(each.connection_id, ERASED_FRAME)

    # ---- leaving ---------------------------------------------------------------------------------------

    def _begin(self, job: ErasureJob, place: DataLocation, _deadline: float) -> list[float]:
        """Begin in one conversation; how long to wait if it cannot be done yet."""
        where = place.conversation_id
        head = self._store.head(where)
        if head is None:
            if place.expires_at > self._clock.now():
                return [RETRY_DELAY]
            self._log.retry_on_conflict(lambda: self._erasures.complete_at(job, place))
        elif head.state is ConversationState.LIVE:
            self._append_departure(job, place)
        else:
            begun = self._started(place, head.sequence_id)
            self._log.retry_on_conflict(lambda: self._erasures.begin_at(job, place, begun))
        return []

    def _started(self, place: DataLocation, event: int) -> DataLocation:
        return DataLocation(
            place.conversation_id, is_member=False, erased_at_event=event, started_at=milliseconds(self._clock)
        )

    def _append_departure(self, job: ErasureJob, place: DataLocation) -> None:
        """Leave, and say that it is for good."""

        def plan(head: Head) -> Commit:
            member = self._store.membership(place.conversation_id, job.participant_id)
            if (member is not None) != place.is_member:
                raise StaleRead
            return self._plan_departure(job, place, head, member)

        try:
            commit = self._log.append(place.conversation_id, plan)
        except (NotFound, PreconditionFailed, StaleRead):
            # It has ended, or somebody else did this: what the place now is shows what is to be done.
            return
        self._delivery.deliver(self._members.notify_left(commit, "left"), within=self._timing.socket_fan_out)

    def _plan_departure(
        self, job: ErasureJob, place: DataLocation, head: Head, member: Membership | None
    ) -> Commit:
        where, who = place.conversation_id, job.participant_id
        person = Actor(who, ERASED_NAME, "human") if member is None else member.actor
        commit = Commit(head, head)
        if member is not None:
            commit = self._members.plan_departure(head, member, by=person, reason="left")
        number = commit.new.sequence_id + 1
        event = new_event(
            where,
            number,
            "participant_erased",
            sender=person,
            now=milliseconds(self._clock),
            participant_id=job.pseudonym(where),
        )
        info = self._store.details(where)
        named = info is not None and info.created_by == who
        return replace(
            commit,
            new=replace(commit.new, sequence_id=number),
            events=[*commit.events, event],
            details=replace(info, created_by=job.pseudonym(where)) if info is not None and named else None,
            erasure=ErasureCommit(
                job,
                self._started(place, number),
                was_member=member is not None,
                is_banned=self._moderation.ban(where, who) is not None,
            ),
        )

    # ---- going through what is there -------------------------------------------------------------------

    def _rewrite(self, job: ErasureJob, place: DataLocation, deadline: float) -> list[float]:
        """Rewrite what one conversation holds, a page at least; how long to wait if it is too early for that."""
        early = place.started_at / 1000 + self._timing.erasure_grace - self._clock.now()
        if early > 0:
            return [early]
        where, who = place.conversation_id, job.participant_id
        redaction = Redaction(who, job.pseudonym(where), rfc3339(job.requested_at), place.erased_at_event)
        self._delete_leftovers(where, who)
        while True:
            ahead = self._log.retry_on_conflict(self._page(job, place, redaction))
            if ahead is None:
                self._log.retry_on_conflict(self._end(job, place))
                return []
            if ahead == place:
                # Somebody else was quicker, or something of it has changed: the next time will show.
                return [0.0]
            place = ahead
            if self._clock.monotonic() >= deadline:
                return [0.0]

    def _page(
        self, job: ErasureJob, place: DataLocation, redaction: Redaction
    ) -> Callable[[], DataLocation | None]:
        return lambda: self._erasures.rewrite(job, place, redaction)

    def _end(self, job: ErasureJob, place: DataLocation) -> Callable[[], bool]:
        return lambda: self._erasures.complete_at(job, place)

    def _delete_leftovers(self, conversation_id: str, participant_id: str) -> None:
        """What lies beside the log. It was done when they left, unless that died before the end."""
        head = self._store.head(conversation_id)
        if head is not None and participant_id in head.departed:
            went_by = head.departed[participant_id]
            self._connections.unsubscribe_participant(conversation_id, participant_id, went_by)
            self._store.clear_departed(conversation_id, participant_id, went_by)
        self._connections.delete_ephemeral(conversation_id, participant_id)
        self._erasures.dequeue_all(conversation_id, participant_id)
