"""The items of erasure: jobs, and locations of a participant's data; with the operations that refer to them."""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import MEMBERSHIP_PREFIX, head_key
from chalicelib.aws.dynamodb.membership_items import footprint_to_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import ERASURE_PREFIX, erasure_key
from chalicelib.core.model.privacy import DataLocation, ErasureJob


def job_to_item(job: ErasureJob) -> Item:
    """Return the item of an erasure that is running."""
    pk, sk = erasure_key(job.job_id)
    return {
        "pk": pk,
        "sk": sk,
        "participant_id": job.participant_id,
        "pseudonym_salt": job.pseudonym_salt,
        "requested_at": job.requested_at,
        "total": job.total,
        "done": job.done,
    }


def job_from_item(item: Item) -> ErasureJob:
    """Return an erasure, running or done."""
    return ErasureJob(
        job_id=item["pk"].removeprefix(ERASURE_PREFIX),
        requested_at=item["requested_at"],
        total=item["total"],
        done=item["done"],
        participant_id=item.get("participant_id", ""),
        pseudonym_salt=item.get("pseudonym_salt", ""),
        done_at=item.get("done_at", 0),
    )


def data_location_to_item(job: ErasureJob, location: DataLocation) -> Item:
    """Return the item of a location where the erasure has begun: a footprint with its progress."""
    return footprint_to_item(location.conversation_id, job.participant_id) | {
        "erased_at_event": location.erased_at_event,
        "started_at": location.started_at,
        "position": location.position,
    }


def data_location_from_item(item: Item) -> DataLocation:
    """Return a location: a membership or a footprint."""
    return DataLocation(
        conversation_id=item["conversation_id"],
        is_member=item["sk"].startswith(MEMBERSHIP_PREFIX),
        expires_at=item.get("expires_at", 0),
        erased_at_event=item.get("erased_at_event", 0),
        started_at=item.get("started_at", 0),
        position=item.get("position", ""),
    )


# ---- operations of transactions --------------------------------------------------------------------------


def require_running_op(table: Table, job: ErasureJob) -> Operation:
    """Require that this very erasure is running; earlier ones of the participant had another salt."""
    return table.condition_op(
        *erasure_key(job.job_id), "#pseudonym_salt = :pseudonym_salt", pseudonym_salt=job.pseudonym_salt
    )


def bump_revision_op(table: Table, conversation_id: str) -> Operation:
    """Increase the head's revision: an append that was planned before items were rewritten fails."""
    change, condition = "ADD #revision :one", "attribute_exists(#pk)"
    return table.update_op(*head_key(conversation_id), change, condition, one=1)
