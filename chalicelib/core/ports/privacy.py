"""Erasure of participants, and retention of contents."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.consent import Standing
from chalicelib.core.model.privacy import DataLocation, ErasureJob, RetentionCheck, RetentionProgress
from chalicelib.core.model.redaction import Redaction


class ErasureStore(Protocol):
    """Erasure jobs, and where data of participants is stored. Every read is strongly consistent."""

    def job(self, job_id: str) -> ErasureJob | None:
        """Return an erasure, running or done."""
        ...

    def begin(self, job: ErasureJob) -> bool:
        """Save a new job; from then on, no membership of the participant can begin. False: one is running.

        It is noted in the participant's standing.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def set_total(self, job: ErasureJob) -> None:
        """Save the number of conversations; no-op if the job is not running."""
        ...

    def data_locations(self, participant_id: str) -> list[DataLocation]:
        """Return the conversations that hold data of the participant, including expired memberships."""
        ...

    def begin_at(self, job: ErasureJob, was: DataLocation, location: DataLocation) -> bool:
        """Begin in a conversation that is not live; return False if the location is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def rewrite(self, job: ErasureJob, location: DataLocation, redaction: Redaction) -> DataLocation | None:
        """Rewrite the page of items after `location.position`; return the new location, or None at the end.

        Returns `location` itself if another process was first.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def dequeue_all(self, conversation_id: str, participant_id: str) -> None:
        """Remove all messages of a participant from the queue of a conversation."""
        ...

    def complete_at(self, job: ErasureJob, location: DataLocation) -> bool:
        """Delete the location and count the conversation as done; return False if it is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def await_moves(self, job: ErasureJob) -> None:
        """Return when no transaction is under way that moves a location, as the end of a membership does.

        After this, `data_locations` shows all locations that there were before.

        Raises:
            WriteConflict: there may be one.
        """
        ...

    def finish(self, job: ErasureJob, standing: Standing, done_at: int) -> bool:
        """Save that the job is done and forget whose it was, with their standing.

        Returns False if another process did so, or if the standing is not as read: then data may have been added.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def list_pending(self, now: int, limit: int) -> list[str]:
        """Return the ids of jobs that were requested before `now` (epoch seconds) and are not done."""
        ...


class ParticipantDataStore(Protocol):
    """Records under a participant's id that no other port removes."""

    def delete_participant(self, participant_id: str) -> None:
        """Delete all remaining records of connections, tickets and the rate limit of a participant."""
        ...

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Delete the pending-offline record of a participant."""
        ...


class RetentionStore(Protocol):
    """When each conversation is checked, and the removal of contents. Every read is strongly consistent."""

    def due_checks(self, now: int, limit: int) -> list[RetentionCheck]:
        """Return checks that are due by `now` (epoch seconds), the longest due first."""
        ...

    def progress(self, conversation_id: str) -> RetentionProgress:
        """Return when the next check is due, and up to where contents were removed."""
        ...

    def cancel(self, check: RetentionCheck) -> None:
        """Delete a check that is not to be run."""
        ...

    def reschedule(self, check: RetentionCheck, due: int) -> None:
        """Replace a check that was run by one that is due later.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def clear_contents(self, conversation_id: str, progress: RetentionProgress, up_to: int) -> int:
        """Remove the contents of a page of messages after `progress.cleared_up_to`; return the last one's id.

        Returns `cleared_up_to` itself if another process was first.

        Raises:
            WriteConflict: nothing was written.
        """
        ...
