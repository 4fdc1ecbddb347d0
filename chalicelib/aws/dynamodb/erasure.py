"""Erasure on DynamoDB: jobs, the locations of a participant's data, and rewriting what conversations hold of them.

The law: a page of a conversation's items is rewritten in one transaction with the position that this reaches, so a
worker may crash, run twice or run late. Each item is rewritten on the condition that it is as read; and the head's
revision is increased, so that no append writes back what it has read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.append_roster import NOT_BEGUN
from chalicelib.aws.dynamodb.consent_keys import standing_key
from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, Operation, no_entries
from chalicelib.aws.dynamodb.erasure_items import (
    bump_revision_op,
    data_location_from_item,
    data_location_to_item,
    job_from_item,
    job_to_item,
    require_running_op,
)
from chalicelib.aws.dynamodb.event_log import delete_all_reactions
from chalicelib.aws.dynamodb.keys import (
    ALL_RUNS,
    EVENT_PREFIX,
    FIRST,
    FOOTPRINT_PREFIX,
    LAST,
    MEMBERSHIP_PREFIX,
    Key,
    conversation_pk,
    footprint_key,
    membership_key,
    participant_pk,
    past_membership_key,
    queue_pk,
    roster_key,
    sk_after,
)
from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.redacting import redact_ops
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import (
    PENDING_ERASURES,
    due_by,
    erasure_key,
    parse_due_sk,
    pending_erasure_key,
)
from chalicelib.core.model.consent import Standing
from chalicelib.core.model.privacy import DataLocation, ErasureJob
from chalicelib.core.model.redaction import Redaction

SCAN_BATCH = 200
"""How many items a page has."""
WRITE_BATCH = 20
"""How many items a transaction rewrites: each of up to 30 KB, old and new, twice; a transaction may have 4 MB."""
_IS_RUNNING = "#pseudonym_salt = :pseudonym_salt"
_UNCHANGED = "#erased_at_event = :erased_at_event AND #position = :position"


class DynamoErasures:
    """The `ErasureStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, entries: Entries = no_entries) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._entries = entries
        self._table = Table(dynamo, table)

    # ---- jobs ------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> ErasureJob | None:
        """Return an erasure, running or done."""
        item = self._table.get(*erasure_key(job_id))
        return None if item is None else job_from_item(item)

    def begin(self, job: ErasureJob) -> bool:
        """Save a new job, with the item by which the sweep finds it."""
        pk, sk = pending_erasure_key(job)
        put = self._table.put_op(job_to_item(job), "attribute_not_exists(#pseudonym_salt)")
        change = "SET #erasing = :yes ADD #version :one"
        mark = self._table.update_op(*standing_key(job.participant_id), change, yes=True, one=1)
        return self._dynamo.try_transact([put, self._table.put_op({"pk": pk, "sk": sk}), mark])

    def set_total(self, job: ErasureJob) -> None:
        """Save the number of conversations."""
        change = "SET #total = :total"
        self._dynamo.try_transact([self._update_job_op(job, change, total=job.total)])

    def list_pending(self, now: int, limit: int) -> list[str]:
        """Return the ids of jobs that are not done."""
        items = self._table.query(PENDING_ERASURES, between=due_by(now), limit=limit)
        return [parse_due_sk(item["sk"])[1] for item in items]

    def await_moves(self, job: ErasureJob) -> None:
        """Check the items of which each transaction has one that moves a location: the standing, and the job."""
        key = standing_key(job.participant_id)
        is_erasing = self._table.condition_op(*key, "attribute_exists(#erasing)")
        self._dynamo.try_transact([require_running_op(self._table, job), is_erasing])

    def finish(self, job: ErasureJob, standing: Standing, done_at: int) -> bool:
        """Save that the job is done, and forget whose it was, with their standing."""
        change = "SET #done_at = :done_at, #total = :done REMOVE #participant_id, #pseudonym_salt"
        update = self._update_job_op(job, change, done_at=done_at, done=job.done)
        forget = self._table.delete_op(
            *standing_key(job.participant_id), "#version = :version", version=standing.version
        )
        entries = self._entries("participant_erased", erasure_id=job.job_id)
        pending = self._table.delete_op(*pending_erasure_key(job))
        return self._dynamo.try_transact([update, pending, forget, *entries])

    def _update_job_op(self, job: ErasureJob, change: str, **values: Any) -> Operation:
        salt = job.pseudonym_salt
        key = erasure_key(job.job_id)
        return self._table.update_op(*key, change, _IS_RUNNING, pseudonym_salt=salt, **values)

    # ---- locations -------------------------------------------------------------------------------------

    def data_locations(self, participant_id: str) -> list[DataLocation]:
        """Return the conversations that the participant is or was in."""
        pk = participant_pk(participant_id)
        locations = [
            data_location_from_item(item)
            for prefix in (MEMBERSHIP_PREFIX, FOOTPRINT_PREFIX)
            for item in self._table.query(pk, prefix=prefix, include_expired=True)
        ]
        return sorted(locations, key=lambda location: location.conversation_id)

    def begin_at(self, job: ErasureJob, was: DataLocation, location: DataLocation) -> bool:
        """Begin in a conversation that is not live: no append can end the membership there."""
        table, names = self._table, (location.conversation_id, job.participant_id)
        operations = [
            require_running_op(table, job),
            table.put_op(data_location_to_item(job, location), None if was.is_member else NOT_BEGUN),
            table.delete_op(*roster_key(*names)),
            table.delete_op(*past_membership_key(*names)),
        ]
        if was.is_member:
            operations.append(table.delete_op(*membership_key(*names), "attribute_exists(#pk)"))
        return self._dynamo.try_transact(operations)

    def complete_at(self, job: ErasureJob, location: DataLocation) -> bool:
        """Delete a location, and count it as done."""
        table, names = self._table, (location.conversation_id, job.participant_id)
        operations = [
            self._update_job_op(job, "ADD #done :one", one=1),
            table.delete_op(*past_membership_key(*names)),
        ]
        if location.is_member:
            operations.append(table.delete_op(*membership_key(*names), "attribute_exists(#pk)"))
            operations.append(table.delete_op(*roster_key(*names)))
        elif location.erased_at_event:
            operations.append(table.delete_op(*footprint_key(*names), _UNCHANGED, **_progress(location)))
        else:
            operations.append(table.delete_op(*footprint_key(*names), NOT_BEGUN))
        return self._dynamo.try_transact(operations)

    def dequeue_all(self, conversation_id: str, participant_id: str) -> None:
        """Remove all messages of a participant from the queue of a conversation."""
        items = self._table.query(queue_pk(conversation_id), between=ALL_RUNS, include_expired=True)
        keys: list[Key] = [
            (item["pk"], item["sk"]) for item in items if item["member"]["participant_id"] == participant_id
        ]
        self._table.batch_delete(keys)

    # ---- rewriting -------------------------------------------------------------------------------------

    def rewrite(self, job: ErasureJob, location: DataLocation, redaction: Redaction) -> DataLocation | None:
        """Rewrite a page of items of a conversation."""
        conversation_id = location.conversation_id
        between = (sk_after(location.position) if location.position else FIRST, LAST)
        page = list(
            self._table.query(
                conversation_pk(conversation_id), between=between, limit=SCAN_BATCH, include_expired=True
            )
        )
        if not page:
            return None
        operations, targets, position = self._rewrite_ops(conversation_id, page, redaction)
        move = self._table.update_op(
            *footprint_key(conversation_id, job.participant_id),
            "SET #position = :ahead",
            _UNCHANGED,
            **_progress(location),
            ahead=position,
        )
        revision = [bump_revision_op(self._table, conversation_id)] if operations else []
        if not self._dynamo.try_transact([*revision, *operations, move]):
            return location
        for target in targets:
            delete_all_reactions(self._table, conversation_id, target)
        return location._replace(position=position)

    def _rewrite_ops(
        self, conversation_id: str, page: Sequence[Item], redaction: Redaction
    ) -> tuple[list[Operation], list[int], str]:
        """Return operations for as much of a page as fits, messages that lose reactions, and the position."""
        operations: list[Operation] = []
        targets: list[int] = []
        position = ""
        for item in page:
            if len(operations) >= WRITE_BATCH:
                break
            position = item["sk"]
            operations += redact_ops(self._table, conversation_id, item, redaction)
            if position.startswith(EVENT_PREFIX) and "state" in item:
                before = event_from_item(item)
                if before.state and before.state.reactions and redaction.apply(before).state is None:
                    targets.append(before.event["sequence_id"])
        return operations, targets, position


def _progress(location: DataLocation) -> dict[str, Any]:
    return {"erased_at_event": location.erased_at_event, "position": location.position}
