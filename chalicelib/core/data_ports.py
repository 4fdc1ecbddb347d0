"""What erasure, retention and long work need of the world (see `ports.py` for the rest).

What a store raises beyond what is said here is `errors.Unavailable`: the outcome of a write is then unknown, and
repeating it is safe.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Protocol

from .redaction import Redaction

# ---- erasure -------------------------------------------------------------------------------------------


def erasure_id(participant_id: str) -> str:
    """By what the erasure of somebody is known: a digest, which stays when their id has gone."""
    return hashlib.sha256(participant_id.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ErasureJob:
    """The erasure of one person. Once it is done, nothing of it but digest, counts and times is kept."""

    job_id: str
    requested_at: int
    total: int
    """How many conversations there were to begin with."""
    done: int
    participant_id: str = ""
    pseudonym_salt: str = ""
    """Random, and kept only while it runs: who has it can tell under which ids the person is now known."""
    done_at: int = 0

    @property
    def is_running(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self.pseudonym_salt)

    def pseudonym(self, conversation_id: str) -> str:
        """The id that stands for the person in one conversation: the same at every attempt, another elsewhere."""
        digest = hashlib.sha256(f"{self.pseudonym_salt}:{conversation_id}".encode()).digest()[:16]
        return "erased_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class DataLocation:
    """That a conversation holds something about a person: their membership, or what is left of them."""

    conversation_id: str
    is_member: bool
    expires_at: int = 0
    """Of a membership in a conversation that is still being made (epoch seconds)."""
    erased_at_event: int = 0
    """The event since which the person is gone for good; 0 as long as there is none."""
    started_at: int = 0
    position: str = ""
    """Up to where what is kept was gone through."""


@dataclass(frozen=True, slots=True)
class ErasureCommit:
    """Within a commit: somebody goes for good. It stands only while their erasure runs and has not begun here."""

    job: ErasureJob
    location: DataLocation
    """As it is to be."""
    was_member: bool
    is_banned: bool


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


# ---- retention -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetentionCheck:
    """That a conversation is to be looked at for contents past retention."""

    conversation_id: str
    due_at: int
    """Epoch seconds."""


@dataclass(frozen=True, slots=True)
class RetentionProgress:
    """How far retention has got in a conversation."""

    due_at: int
    """When it is looked at next: a visit of any other time is void. 0: it was never looked at."""
    cleared_up_to: int
    """Up to which event contents were removed."""


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


# ---- long work -----------------------------------------------------------------------------------------


class JobQueue(Protocol):
    """Work for later. It may be lost or done twice: notes in the store find it, and no step harms if repeated."""

    def send(self, job: str, delay: float) -> None:
        """Let `work` be done in about `delay` seconds. Raises Unavailable."""
        ...
