"""The keys of background work in the conversations table: they sort by the time when it is due.

`keys.py` lists all keys of the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.keys import Key, conversation_pk, sk_up_to
from chalicelib.core.kernel.ids import digest
from chalicelib.core.ports.commits import Purge

if TYPE_CHECKING:
    from chalicelib.core.model.privacy import ErasureJob, RetentionCheck

# Partitions.
ERASURE_PREFIX = "J#"
PURGES = "PURGE"
RETENTION_CHECKS = "RETENTION"
PENDING_ERASURES = "JOBS"
CREATION_PREFIX = "N#"
CREATION_SHARDS = 8
"""Partitions of the index by creation: together they take 4,000 creations a second (docs/decisions)."""
# A sort key within a conversation.
RETENTION_PROGRESS = "RETENTION"


def due_sk(due_at: int, subject: str) -> str:
    """Return the sort key of something that is due at a time (epoch seconds): as text, it sorts by that time."""
    return f"{due_at:012d}#{subject}"


def due_by(now: int) -> tuple[str, str]:
    """Return the range of the sort keys of everything that is due by `now`."""
    return "0", sk_up_to(due_sk(now, ""))


def parse_due_sk(sk: str) -> tuple[int, str]:
    """Return when it is due, and the subject."""
    due_at, _, subject = sk.partition("#")
    return int(due_at), subject


def purge_key(purge: Purge) -> Key:
    """Return the key of a purge."""
    return PURGES, due_sk(purge.due_at, purge.conversation_id)


def retention_check_key(check: RetentionCheck) -> Key:
    """Return the key of a retention check."""
    return RETENTION_CHECKS, due_sk(check.due_at, check.conversation_id)


def retention_progress_key(conversation_id: str) -> Key:
    """Return the key of a conversation's retention progress."""
    return conversation_pk(conversation_id), RETENTION_PROGRESS


def erasure_key(job_id: str) -> Key:
    """Return the key of an erasure."""
    return f"{ERASURE_PREFIX}{job_id}", "JOB"


def pending_erasure_key(job: ErasureJob) -> Key:
    """Return the key by which an erasure that is not done is found."""
    return PENDING_ERASURES, due_sk(job.requested_at // 1000, job.job_id)


def creation_key(conversation_id: str) -> Key:
    """Return the key of a conversation in the index by creation; ids sort by the time of creation."""
    shard = int(digest(conversation_id)[:2], 16) % CREATION_SHARDS
    return creation_pk(shard), conversation_id


def creation_pk(shard: int) -> str:
    """Return a partition of the index by creation."""
    return f"{CREATION_PREFIX}{shard}"
