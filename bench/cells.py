"""Design (b), for comparison: a sequencer and write-once cells (the log of CORFU, NSDI 2012).

`UpdateItem ADD` on the head allocates a sequence number; then one transaction writes that cell if it is empty, the
idempotency record, and the sender's membership. A writer that cannot finish writes `void` into its cell. One that
crashes leaves a gap, which a reader fills with `void` once the cells above it are 15 s old.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed, TransactionCancelled
from chalicelib.aws.dynamodb.keys import conversation_pk, idempotency_hash, membership_key
from chalicelib.aws.dynamodb.table import Table, with_old_image
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.backoff import Backoff
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.log.conflicts import BACKOFF_BASE, BACKOFF_CAP
from chalicelib.core.model.conversations import ConversationState, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.messages import IdempotencyKey

WRITER_SECONDS = 5.0
"""Seconds after which a writer gives up the number that it allocated."""
HOLE_SECONDS = 15.0
"""A gap below a cell of this age is void: the writer's deadline plus clock skew."""
_EMPTY = "attribute_not_exists(#pk)"


class CellTaken(Exception):
    """A reader presumed the writer dead and voided its cell."""


class Cells:
    """Appends to the log and reads it."""

    def __init__(self, dynamo: Dynamo, table: str, clock: Clock) -> None:
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._clock = clock

    def append(self, draft: Event, member: Membership, key: IdempotencyKey) -> int:
        """Append a message; return its sequence number. Raises ConversationBusy, NotFound."""
        while True:
            number = self.draw(key.conversation_id)
            try:
                return self._fill(number, draft, member, key)
            except CellTaken:
                continue

    def draw(self, conversation_id: str) -> int:
        """Allocate the next number, which the caller must fill. Raises NotFound."""
        try:
            old = self._table.update(
                conversation_pk(conversation_id),
                "HEAD",
                "SET #updated_at = :now ADD #sequence_id :one",
                "#state = :live",
                now=milliseconds(self._clock),
                one=1,
                live=ConversationState.LIVE.value,
            )
        except ConditionFailed as failed:
            raise NotFound from failed
        if old is None:
            raise NotFound
        return int(old["sequence_id"]) + 1

    def _fill(self, number: int, draft: Event, member: Membership, key: IdempotencyKey) -> int:
        backoff = Backoff(
            self._clock,
            base=BACKOFF_BASE,
            cap=BACKOFF_CAP,
            timeout=WRITER_SECONDS,
            timed_out=lambda: ConversationBusy(retry_after=1),
        )
        key_hash = idempotency_hash(key)
        record = {
            "pk": f"K#{key_hash}",
            "sk": "K",
            "conversation_id": key.conversation_id,
            "message_id": draft["message_id"],
            "sequence_id": number,
            "created_at": draft["created_at"],
        }
        operations = [
            with_old_image(self._table.put_op(self._cell({**draft, "sequence_id": number}, key_hash), _EMPTY)),
            with_old_image(self._table.put_op(record, _EMPTY)),
            self._table.update_op(
                *membership_key(key.conversation_id, key.participant_id),
                "SET #read_up_to = :read_up_to",
                "#epoch = :epoch",
                epoch=member.epoch,
                read_up_to=number,
            ),
        ]
        while True:
            try:
                self._dynamo.transact(operations)
                return number
            except TransactionCancelled as cancelled:
                if cancelled.failed(0):
                    return self._check_existing(number, draft, cancelled.reasons[0][1])
                if cancelled.is_conflict and not backoff.expired:
                    backoff.wait()
                    continue
                self.void(key.conversation_id, number)
                if cancelled.failed(1):
                    return int((cancelled.reasons[1][1] or {})["sequence_id"])
                raise (ConversationBusy(retry_after=1) if cancelled.is_conflict else NotFound()) from cancelled

    def _check_existing(self, number: int, draft: Event, item: Item | None) -> int:
        event = json_codec.parse((item or {})["event"])
        if event.get("message_id") == draft["message_id"]:
            return number
        raise CellTaken

    def _cell(self, event: Event, key_hash: str | None) -> Item:
        return {
            "pk": conversation_pk(event["conversation_id"]),
            "sk": f"E#{event['sequence_id']:016d}",
            "event": json_codec.dumps(event),
            "written_at": milliseconds(self._clock),
            "idempotency_key": key_hash,
        }

    def void(self, conversation_id: str, number: int) -> bool:
        """Fill an empty cell with `void`; return whether it was empty."""
        event = {"conversation_id": conversation_id, "sequence_id": number, "type": "void"}
        try:
            self._table.put(self._cell(event, None), _EMPTY)
        except ConditionFailed:
            return False
        return True

    def read(self, conversation_id: str, after: int) -> int:
        """Return the end of the contiguous log from `after` on; fills gaps that are old enough."""
        pk = conversation_pk(conversation_id)
        drawn = (self._table.get(pk, "HEAD") or {})["sequence_id"]
        if drawn <= after:
            return after  # DynamoDB refuses an empty range
        end, too_old = after, milliseconds(self._clock) - int(1000 * HOLE_SECONDS)
        for item in self._table.query(pk, between=(f"E#{end + 1:016d}", f"E#{drawn:016d}")):
            number = json_codec.parse(item["event"])["sequence_id"]
            while number > end + 1 and item.get("written_at", 0) <= too_old:
                self.void(conversation_id, end + 1)
                end += 1
            if number != end + 1:
                break
            end = number
        return end
