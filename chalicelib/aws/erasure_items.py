"""The items about erasure and retention, and back. Their keys stand in `conversation_items.py`."""

from __future__ import annotations

import itertools

from chalicelib.core.data_ports import ErasureJob, Kept, Place, Visit, erasure_id

from .conversation_items import conversation_pk, former_item, reaction_prefix
from .dynamo import Dynamo, Item, Operation, Table

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
        "seed": job.seed,
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
        seed=item.get("seed", ""),
        done_at=item.get("done_at", 0),
    )


def job_note(job: ErasureJob) -> tuple[str, str]:
    """The note by which an erasure that is not done is found."""
    return JOBS, f"{job.requested_at // 1000:012d}#{job.job_id}"


def place_item(job: ErasureJob, place: Place) -> Item:
    """What is left of somebody in a conversation, while they are being erased there."""
    return former_item(place.conversation_id, job.participant_id) | {
        "erased_by": place.erased_by,
        "begun_at": place.begun_at,
        "position": place.position,
    }


def place(item: Item) -> Place:
    """A membership or a trace."""
    return Place(
        conversation_id=item["conversation_id"],
        is_member=item["sk"].startswith("C#"),
        expires_at=item.get("expires_at", 0),
        erased_by=item.get("erased_by", 0),
        begun_at=item.get("begun_at", 0),
        position=item.get("position", ""),
    )


def visit_key(visit: Visit) -> tuple[str, str]:
    """The note of a visit; as text they sort by when they are due."""
    return RETENTION, f"{visit.due:012d}#{visit.conversation_id}"


def visit(item: Item) -> Visit:
    """A visit."""
    due, _, conversation_id = item["sk"].partition("#")
    return Visit(conversation_id, int(due))


def kept_key(conversation_id: str) -> tuple[str, str]:
    """Where it stands how far retention has got."""
    return conversation_pk(conversation_id), RETENTION


def kept(item: Item | None) -> Kept:
    """How far retention has got."""
    found = item or {}
    return Kept(found.get("due", 0), found.get("cleared_up_to", 0))


# ---- operations of transactions that others make as well --------------------------------------------------


def may_come(table: Table, participant_id: str) -> Operation:
    """Within a transaction: the person is not being erased."""
    return table.check_op(*job_key(erasure_id(participant_id)), "attribute_not_exists(#seed)")


def still_runs(table: Table, job: ErasureJob) -> Operation:
    """Within a transaction: this very erasure runs."""
    return table.check_op(*job_key(job.job_id), "#seed = :seed", seed=job.seed)


def put_visit(table: Table, visit: Visit) -> Operation:
    """Within a transaction: a conversation is to be looked at."""
    pk, sk = visit_key(visit)
    return table.put_op({"pk": pk, "sk": sk})


def only_visit(table: Table, visit: Visit) -> Operation:
    """Within a transaction: that visit is the next one, and any other is void."""
    return table.update_op(*kept_key(visit.conversation_id), "SET #due = :due", due=visit.due)


def move_revision(table: Table, conversation_id: str) -> Operation:
    """Within a transaction that rewrites what is kept: whoever is about to append something reads it again."""
    change, there = "ADD #revision :one", "attribute_exists(#pk)"
    return table.update_op(conversation_pk(conversation_id), "HEAD", change, there, one=1)


def clear_reactions(dynamo: Dynamo, table: Table, pk: str, target: int) -> None:
    """Remove who reacted to a message that says nothing any more; what a crash leaves of it means nothing."""
    found = table.query(pk, prefix=reaction_prefix(target))
    while keys := [(table.name, pk, item["sk"]) for item in itertools.islice(found, 100)]:
        dynamo.batch_delete(keys)
