"""Erasure and retention: the jobs, and their progress."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.kernel.ids import digest, url_safe_digest
from chalicelib.core.kernel.text import ERASED_PREFIX
from chalicelib.core.model.conversations import PastMembership


def erasure_id(participant_id: str) -> str:
    """Return the id of a participant's erasure: a digest, which is kept after the participant id is erased."""
    return digest(participant_id)


class ErasureJob(NamedTuple):
    """The erasure of a participant. After it has finished, only the digest, counts and times are kept."""

    job_id: str
    requested_at: int
    total: int
    """The number of conversations when it started."""
    done: int
    participant_id: str = ""
    pseudonym_salt: str = ""
    """Random, and kept only while the erasure runs: it links the pseudonyms to the participant."""
    done_at: int = 0

    @property
    def is_running(self) -> bool:
        """Whether the erasure has not finished."""
        return bool(self.pseudonym_salt)

    def pseudonym(self, conversation_id: str) -> str:
        """Return the pseudonym in a conversation: the same at every attempt, different in other conversations."""
        return ERASED_PREFIX + url_safe_digest(f"{self.pseudonym_salt}:{conversation_id}", 16)


class DataLocation(NamedTuple):
    """A conversation that holds data of a participant: a membership, or the traces of a former one."""

    conversation_id: str
    is_member: bool
    expires_at: int = 0
    """When the membership in a conversation that is still being created expires (epoch seconds)."""
    erased_at_event: int = 0
    """The sequence id of the `participant_erased` event; 0 if it has not been appended."""
    started_at: int = 0
    position: str = ""
    """The key up to which the stored data has been rewritten."""


class ErasureCommit(NamedTuple):
    """The part of a commit that starts an erasure in a conversation.

    The commit succeeds only if the erasure is running, and has not started in this conversation.
    """

    job: ErasureJob
    location: DataLocation
    """The location after the commit."""
    was_member: bool
    is_banned: bool
    sanctions: PastMembership | None = None
    """The sanctions that outlast the erasure; None: those that an earlier erasure has left."""


class RetentionCheck(NamedTuple):
    """A check of a conversation for expired content."""

    conversation_id: str
    due_at: int
    """Epoch seconds."""


class RetentionProgress(NamedTuple):
    """The progress of retention in a conversation."""

    due_at: int
    """When the next check is due; checks with another time are obsolete. 0: there was no check."""
    cleared_up_to: int
    """The last event whose content has been removed."""
