"""TODO chalicelib.core.ports.privacy."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.privacy import DataLocation, ErasureJob, RetentionCheck, RetentionProgress
from chalicelib.core.model.redaction import Redaction


class ErasureStore(Protocol):
    """Erasure jobs, and where people are and were. Every read is consistent."""

    def job(self, job_id: str) -> ErasureJob | None:
        """An erasure, running or done."""
        ...

    def begin(self, job: ErasureJob) -> bool:
        """Keep a new one, so that from now on no membership of the person can begin. False: one is running.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def set_total(self, job: ErasureJob) -> None:
        """Note how many conversations there are, as long as it runs."""
        ...

    def data_locations(self, participant_id: str) -> list[DataLocation]:
        """Where the person is or was, by conversation; memberships that have expired as well."""
        ...

    def begin_at(self, job: ErasureJob, was: DataLocation, place: DataLocation) -> bool:
        """Begin in a conversation that is not live. False: it is not as it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def rewrite(self, job: ErasureJob, place: DataLocation, redaction: Redaction) -> DataLocation | None:
        """Go through a page of what the conversation holds, from `place.position` on; None at the end of it.

        The place as it was given back: somebody else was quicker.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def dequeue_all(self, conversation_id: str, participant_id: str) -> None:
        """Take all messages of somebody out of a conversation's queue."""
        ...

    def complete_at(self, job: ErasureJob, place: DataLocation) -> bool:
        """Remove the place itself, and count the conversation as done. False: it is not as it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def finish(self, job: ErasureJob, done_at: int) -> bool:
        """Note that it is done, and forget whose erasure it was. False: somebody else did.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def list_pending(self, now: int, limit: int) -> list[str]:
        """The ids of erasures that were asked for before now (epoch seconds) and are not done."""
        ...


class RetentionStore(Protocol):
    """Which conversation is to be looked at when, and removing contents. Every read is consistent."""

    def due_checks(self, now: int, limit: int) -> list[RetentionCheck]:
        """Visits that are due by now (epoch seconds), the longest due first."""
        ...

    def progress(self, conversation_id: str) -> RetentionProgress:
        """How far it has got."""
        ...

    def cancel(self, visit: RetentionCheck) -> None:
        """This one is not to be made."""
        ...

    def reschedule(self, visit: RetentionCheck, due: int) -> None:
        """It was made; the next one is due then.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def clear_contents(self, conversation_id: str, kept: RetentionProgress, up_to: int) -> int:
        """Remove the contents of a page of messages after `kept.cleared_up_to`; up to where that was.

        `cleared_up_to` itself: somebody else was quicker.

        Raises:
            WriteConflict: nothing happened.
        """
        ...
