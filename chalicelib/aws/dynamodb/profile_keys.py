"""The keys of profiles in the conversations table.

`keys.py` lists all keys of the table.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key, participant_pk
from chalicelib.core.kernel.ids import digest

# A partition.
PROFILE_COPIES = "PROFILES"
# A sort key below a participant.
PROFILE = "PROFILE"


def profile_key(participant_id: str) -> Key:
    """Return the key of a profile."""
    return participant_pk(participant_id), PROFILE


def copy_id(participant_id: str) -> str:
    """Return the id of the copies of a participant's profile: a digest, as it is in names of jobs."""
    return digest(participant_id)


def profile_copy_key(job_id: str) -> Key:
    """Return the key of the progress of copies."""
    return PROFILE_COPIES, job_id
