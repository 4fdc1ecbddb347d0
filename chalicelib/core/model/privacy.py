"""TODO chalicelib.core.model.privacy."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.core.kernel.ids import digest, url_safe_digest


def erasure_id(participant_id: str) -> str:
    """By what the erasure of somebody is known: a digest, which stays when their id has gone."""
    return digest(participant_id)


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
        return "erased_" + url_safe_digest(f"{self.pseudonym_salt}:{conversation_id}", 16)


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
