"""Erasures, in the conversations table: the job, the places of a person, and what is rewritten of them.

A page of what a conversation holds is rewritten in one transaction with the note of how far that has got, so that
whoever dies, comes late or does the same at the same time does no harm. Each item is rewritten on the condition
that it is as it was read; and the head's revision moves, so that no append writes back what it had read before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.aws.dynamodb import conversation_items as stored
from chalicelib.aws.dynamodb import erasure_items as items
from chalicelib.aws.dynamodb.table import Dynamo, Item, Operation, TransactionCancelled
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.privacy import DataLocation, ErasureJob
from chalicelib.core.model.redaction import Redaction
from chalicelib.core.ports.commits import WriteConflict

SCAN_BATCH = 200
WRITE_BATCH = 20
"""Items rewritten at once: each up to four times some 30 KB, old and new; a transaction takes 4 MB."""
_FIRST, _LAST = " ", "~"
"""Below and above every sort key."""
_NAMES = {"INFO": ("created_by",), "I#": ("created_by",), "B#": ("participant_id", "banned_by")}
"""Attributes of items that are ids of people, by the beginning of the sort key."""
_AUDIT_ID_FIELDS = ("actor_id", "participant_id")


class DynamoErasures:
    """`core.data_ports.ErasureStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)

    # ---- jobs ------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> ErasureJob | None:
        """An erasure."""
        item = self._table.get(*items.job_key(job_id))
        return None if item is None else items.job(item)

    def begin(self, job: ErasureJob) -> bool:
        """Keep a new one, with the note by which it is found again."""
        pk, sk = items.pending_job_key(job)
        put = self._table.put_op(items.job_item(job), "attribute_not_exists(#pseudonym_salt)")
        return self._transact([put, self._table.put_op({"pk": pk, "sk": sk})])

    def set_total(self, job: ErasureJob) -> None:
        """Note how many conversations there are."""
        change = self._table.update_op(
            *items.job_key(job.job_id),
            "SET #total = :total",
            "#pseudonym_salt = :pseudonym_salt",
            total=job.total,
            pseudonym_salt=job.pseudonym_salt,
        )
        self._transact([change])

    def list_pending(self, now: int, limit: int) -> list[str]:
        """The ids of erasures that are not done."""
        notes = self._table.query(items.JOBS, between=("0", f"{now:012d}#~"), limit=limit)
        return [note["sk"].partition("#")[2] for note in notes]

    def finish(self, job: ErasureJob, done_at: int) -> bool:
        """Note that it is done, and forget whose erasure it was."""
        change = "SET #done_at = :done_at, #total = :done REMOVE #participant_id, #pseudonym_salt"
        where = items.job_key(job.job_id)
        update = self._table.update_op(
            *where,
            change,
            "#pseudonym_salt = :pseudonym_salt",
            pseudonym_salt=job.pseudonym_salt,
            done_at=done_at,
            done=job.done,
        )
        return self._transact([update, self._table.delete_op(*items.pending_job_key(job))])

    # ---- places ----------------------------------------------------------------------------------------

    def data_locations(self, participant_id: str) -> list[DataLocation]:
        """Where the person is or was."""
        found = [
            items.data_location(item)
            for prefix in ("C#", "F#")
            for item in self._table.query(f"U#{participant_id}", prefix=prefix, expired=True)
        ]
        return sorted(found, key=lambda place: place.conversation_id)

    def begin_at(self, job: ErasureJob, was: DataLocation, place: DataLocation) -> bool:
        """Begin in a conversation that is not live."""
        table, who = self._table, job.participant_id
        pk = stored.conversation_pk(place.conversation_id)
        operations = [
            items.require_running(table, job),
            table.put_op(items.data_location_item(job, place), None if was.is_member else _UNBEGUN),
            table.delete_op(pk, f"P#{who}"),
            table.delete_op(pk, f"L#{who}"),
        ]
        if was.is_member:
            where = stored.member_key(place.conversation_id, who)
            operations.append(table.delete_op(*where, "attribute_exists(#pk)"))
        return self._transact(operations)

    def complete_at(self, job: ErasureJob, place: DataLocation) -> bool:
        """Remove the place itself, and count it."""
        table, who = self._table, job.participant_id
        pk = stored.conversation_pk(place.conversation_id)
        operations = [
            table.update_op(
                *items.job_key(job.job_id),
                "ADD #done :one",
                "#pseudonym_salt = :pseudonym_salt",
                one=1,
                pseudonym_salt=job.pseudonym_salt,
            ),
            table.delete_op(pk, f"L#{who}"),
        ]
        if place.is_member:
            where = stored.member_key(place.conversation_id, who)
            operations.append(table.delete_op(*where, "attribute_exists(#pk)"))
            operations.append(table.delete_op(pk, f"P#{who}"))
        elif place.erased_at_event:
            operations.append(table.delete_op(*self._location_op(job, place), _UNCHANGED, **_progress(place)))
        else:
            operations.append(table.delete_op(*self._location_op(job, place), _UNBEGUN))
        return self._transact(operations)

    def dequeue_all(self, conversation_id: str, participant_id: str) -> None:
        """Take all messages of somebody out of a conversation's queue."""
        pk = stored.queue_pk(conversation_id)
        theirs = [
            (self._table.name, pk, item["sk"])
            for item in self._table.query(pk, expired=True)
            if item["member"]["participant_id"] == participant_id
        ]
        self._dynamo.batch_delete(theirs)

    def _location_op(self, job: ErasureJob, place: DataLocation) -> tuple[str, str]:
        return stored.footprint_key(place.conversation_id, job.participant_id)

    # ---- rewriting -------------------------------------------------------------------------------------

    def rewrite(self, job: ErasureJob, place: DataLocation, redaction: Redaction) -> DataLocation | None:
        """Go through a page of what the conversation holds."""
        pk = stored.conversation_pk(place.conversation_id)
        between = (f"{place.position} " if place.position else _FIRST, _LAST)
        page = list(self._table.query(pk, between=between, limit=SCAN_BATCH, expired=True))
        if not page:
            return None
        operations, reacted, position = self._rewrites(pk, page, redaction)
        ahead = replace(place, position=position)
        moved = self._table.update_op(
            *self._location_op(job, place),
            "SET #position = :ahead",
            _UNCHANGED,
            **_progress(place),
            ahead=position,
        )
        revision = [items.bump_revision_op(self._table, place.conversation_id)] if operations else []
        if not self._transact([*revision, *operations, moved]):
            return place
        for sequence_id in reacted:
            items.delete_reactions(self._dynamo, self._table, pk, sequence_id)
        return ahead

    def _rewrites(
        self, pk: str, page: Sequence[Item], redaction: Redaction
    ) -> tuple[list[Operation], list[int], str]:
        """What is to be rewritten of a page, which messages lose reactions by that, and up to where that is."""
        operations: list[Operation] = []
        reacted: list[int] = []
        position = ""
        for item in page:
            if len(operations) >= WRITE_BATCH:
                break
            position = item["sk"]
            operations += self._redact(pk, item, redaction)
            if position.startswith("E#") and "state" in item:
                before = stored.event(item)
                if before.state and before.state.reactions and redaction.apply(before).state is None:
                    reacted.append(before.event["sequence_id"])
        return operations, reacted, position

    def _redact(self, pk: str, item: Item, redaction: Redaction) -> Iterator[Operation]:
        sk = item["sk"]
        if sk.startswith("E#"):
            yield from self._redact_event(pk, item, redaction)
        elif sk.startswith("R#"):
            reaction = stored.reaction(item)
            if reaction.participant_id == redaction.participant_id:
                where = pk.removeprefix("C#")
                known = replace(reaction, participant_id=redaction.pseudonym)
                yield self._table.delete_op(pk, sk, "attribute_exists(#pk)")
                yield self._table.put_op(stored.reaction_item(where, known))
        elif sk.startswith("A#"):
            yield from self._rename(pk, item, _AUDIT_ID_FIELDS, redaction)
        else:
            for prefix, names in _NAMES.items():
                if sk.startswith(prefix):
                    yield from self._rename(pk, item, names, redaction)

    def _redact_event(self, pk: str, item: Item, redaction: Redaction) -> Iterator[Operation]:
        logged = stored.event(item)
        redacted = redaction.apply(logged)
        if redacted == logged:
            return
        values: dict[str, Any] = {"event": json_codec.dumps(redacted.event), "was": item["event"]}
        change, condition = "SET #event = :event", "#event = :was"
        if redacted.deleted_by:
            change += ", #deleted_by = :deleted_by"
            values["deleted_by"] = redacted.deleted_by
        if "state" in item:
            condition += " AND #state = :state_was"
            values["state_was"] = item["state"]
        else:
            condition += " AND attribute_not_exists(#state)"
        if redacted.state is not None:
            change += ", #state = :state"
            values["state"] = stored.message_state_text(redacted.state)
        elif "state" in item:
            change += " REMOVE #state"
        yield self._table.update_op(pk, item["sk"], change, condition, **values)

    def _rename(self, pk: str, item: Item, names: Sequence[str], redaction: Redaction) -> Iterator[Operation]:
        """The item with another id wherever the person's stood; a name that goes with the id goes as well."""
        theirs = [name for name in names if item.get(name) == redaction.participant_id]
        if not theirs:
            return
        change = "SET " + ", ".join(f"#{name} = :alias" for name in theirs)
        if "participant_id" in theirs and "name" in item:
            change += " REMOVE #name"
        yield self._table.update_op(pk, item["sk"], change, "attribute_exists(#pk)", alias=redaction.pseudonym)

    def _transact(self, operations: Sequence[Operation]) -> bool:
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True


_UNBEGUN = "attribute_exists(#pk) AND attribute_not_exists(#erased_at_event)"
_UNCHANGED = "#erased_at_event = :erased_at_event AND #position = :position"


def _progress(place: DataLocation) -> dict[str, Any]:
    return {"erased_at_event": place.erased_at_event, "position": place.position}
