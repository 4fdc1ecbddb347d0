"""The items about erasure and retention, and back. Their keys stand in `conversation_items.py`."""

from __future__ import annotations

import itertools

from chalicelib.aws.dynamodb.conversation_items import conversation_pk, footprint_item, reaction_prefix
from chalicelib.aws.dynamodb.table import Dynamo, Item, Operation, Table
from chalicelib.core.model.privacy import DataLocation, ErasureJob, RetentionCheck, RetentionProgress, erasure_id

RETENTION = "RETENTION"
JOBS = "JOBS"


def job_key(job_id: str) -> tuple[str, str]:
    """Where an erasure lies."""
    return f"J#{job_id}", "JOB"


def job_item(job: ErasureJob) -> Item:
    """An erasure that runs."""
    pk, sk = job_key(job.job_id)
    return {
        "pk": pk,
        "sk": sk,
        "participant_id": job.participant_id,
        "pseudonym_salt": job.pseudonym_salt,
        "requested_at": job.requested_at,
        "total": job.total,
        "done": job.done,
    }


def job(item: Item) -> ErasureJob:
    """An erasure."""
    return ErasureJob(
        job_id=item["pk"].removeprefix("J#"),
        requested_at=item["requested_at"],
        total=item["total"],
        done=item["done"],
        participant_id=item.get("participant_id", ""),
        pseudonym_salt=item.get("pseudonym_salt", ""),
        done_at=item.get("done_at", 0),
    )


def pending_job_key(job: ErasureJob) -> tuple[str, str]:
    """The note by which an erasure that is not done is found."""
    return JOBS, f"{job.requested_at // 1000:012d}#{job.job_id}"


def data_location_item(job: ErasureJob, place: DataLocation) -> Item:
    """What is left of somebody in a conversation, while they are being erased there."""
    return footprint_item(place.conversation_id, job.participant_id) | {
        "erased_at_event": place.erased_at_event,
        "started_at": place.started_at,
        "position": place.position,
    }


def data_location(item: Item) -> DataLocation:
    """A membership or a trace."""
    return DataLocation(
        conversation_id=item["conversation_id"],
        is_member=item["sk"].startswith("C#"),
        expires_at=item.get("expires_at", 0),
        erased_at_event=item.get("erased_at_event", 0),
        started_at=item.get("started_at", 0),
        position=item.get("position", ""),
    )


def check_key(visit: RetentionCheck) -> tuple[str, str]:
    """The note of a visit; as text they sort by when they are due."""
    return RETENTION, f"{visit.due_at:012d}#{visit.conversation_id}"


def check(item: Item) -> RetentionCheck:
    """A visit."""
    due, _, conversation_id = item["sk"].partition("#")
    return RetentionCheck(conversation_id, int(due))


def progress_key(conversation_id: str) -> tuple[str, str]:
    """Where it stands how far retention has got."""
    return conversation_pk(conversation_id), RETENTION


def progress(item: Item | None) -> RetentionProgress:
    """How far retention has got."""
    found = item or {}
    return RetentionProgress(found.get("due_at", 0), found.get("cleared_up_to", 0))


# ---- operations of transactions that others make as well --------------------------------------------------


def require_not_erasing(table: Table, participant_id: str) -> Operation:
    """Within a transaction: the person is not being erased."""
    return table.condition_op(*job_key(erasure_id(participant_id)), "attribute_not_exists(#pseudonym_salt)")


def require_running(table: Table, job: ErasureJob) -> Operation:
    """Within a transaction: this very erasure runs."""
    return table.condition_op(
        *job_key(job.job_id), "#pseudonym_salt = :pseudonym_salt", pseudonym_salt=job.pseudonym_salt
    )


def put_check_op(table: Table, visit: RetentionCheck) -> Operation:
    """Within a transaction: a conversation is to be looked at."""
    pk, sk = check_key(visit)
    return table.put_op({"pk": pk, "sk": sk})


def set_next_check_op(table: Table, visit: RetentionCheck) -> Operation:
    """Within a transaction: that visit is the next one, and any other is void."""
    return table.update_op(*progress_key(visit.conversation_id), "SET #due_at = :due_at", due_at=visit.due_at)


def bump_revision_op(table: Table, conversation_id: str) -> Operation:
    """Within a transaction that rewrites what is kept: whoever is about to append something reads it again."""
    change, there = "ADD #revision :one", "attribute_exists(#pk)"
    return table.update_op(conversation_pk(conversation_id), "HEAD", change, there, one=1)


def delete_reactions(dynamo: Dynamo, table: Table, pk: str, target: int) -> None:
    """Remove who reacted to a message that says nothing any more; what a crash leaves of it means nothing."""
    found = table.query(pk, prefix=reaction_prefix(target))
    while keys := [(table.name, pk, item["sk"]) for item in itertools.islice(found, 100)]:
        dynamo.batch_delete(keys)
