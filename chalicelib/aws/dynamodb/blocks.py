"""Blocks on DynamoDB: an item below the blocker, and one by which the erasure of the blocked participant finds it.

A block is found by a digest of the blocked id, so it outlasts their erasure, which replaces the id by a pseudonym.
"""

from __future__ import annotations

import contextlib

from chalicelib.aws.dynamodb.consent_keys import (
    BLOCK_PREFIX,
    BLOCKED_PREFIX,
    BLOCKER_PREFIX,
    block_key,
    blocked_key,
    blocked_pk,
)
from chalicelib.aws.dynamodb.directs import mark_block_op
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed, TransactionCancelled
from chalicelib.aws.dynamodb.keys import participant_pk, sk_after, sk_up_to
from chalicelib.aws.dynamodb.standings import bump_standing_op
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.consent import Block
from chalicelib.core.model.directs import DirectLink
from chalicelib.core.model.privacy import ErasureJob
from chalicelib.core.ports.commits import PreconditionFailed, WriteConflict


class DynamoBlocks:
    """The `BlockStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)

    def block(self, block: Block, link: DirectLink | None) -> bool:
        """Save a block with its reverse item, and note it in the head of the direct conversation.

        An erasure of the blocked participant cannot end without it: that requires their standing as it was before.
        """
        pk, sk = block_key(block.blocker_id, block.participant_id)
        reverse_pk, reverse_sk = blocked_key(block.blocker_id, block.participant_id)
        item = {"pk": pk, "sk": sk, "participant_id": block.participant_id, "blocked_at": block.blocked_at}
        operations = [
            self._table.put_op(item),
            self._table.put_op({"pk": reverse_pk, "sk": reverse_sk}),
            bump_standing_op(self._table, block.blocker_id, "attribute_not_exists(#erasing)"),
            bump_standing_op(self._table, block.participant_id),
            *mark_block_op(self._table, block.blocker_id, block.participant_id, link, blocked=True),
        ]
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            if cancelled.failed(2):
                raise PreconditionFailed(erasing=[block.blocker_id]) from cancelled
            return False
        return True

    def unblock(self, blocker_id: str, participant_id: str, link: DirectLink | None) -> bool:
        """Delete a block and its reverse item, and the note in the head of the direct conversation."""
        keys = (block_key(blocker_id, participant_id), blocked_key(blocker_id, participant_id))
        deletions = [self._table.delete_op(*key) for key in keys]
        mark = mark_block_op(self._table, blocker_id, participant_id, link, blocked=False)
        return self._dynamo.try_transact([*deletions, bump_standing_op(self._table, blocker_id), *mark])

    def is_blocked(self, blocker_id: str, participant_id: str) -> bool:
        """Return whether `blocker_id` has blocked `participant_id`."""
        return self._table.get(*block_key(blocker_id, participant_id)) is not None

    def blocks(self, blocker_id: str, after: str | None, limit: int) -> tuple[list[Block], str | None]:
        """Return a page of the blocks of a participant, in no meaningful order."""
        first = BLOCK_PREFIX if after is None else sk_after(f"{BLOCK_PREFIX}{after}")
        last = sk_up_to(BLOCK_PREFIX)
        if first > last:
            return [], None
        items = list(self._table.query(participant_pk(blocker_id), between=(first, last), limit=limit + 1))
        page = items[:limit]
        next_after = page[-1]["sk"].removeprefix(BLOCK_PREFIX) if len(items) > limit else None
        return [_block_from_item(blocker_id, item) for item in page], next_after

    def erase_blocks(self, job: ErasureJob) -> None:
        """Delete an erased participant's blocks, and their id in the blocks of others."""
        for item in self._table.query(participant_pk(job.participant_id), prefix=BLOCK_PREFIX):
            blocked_hash = item["sk"].removeprefix(BLOCK_PREFIX)
            reverse = (f"{BLOCKED_PREFIX}{blocked_hash}", f"{BLOCKER_PREFIX}{job.participant_id}")
            deletions = [self._table.delete_op(item["pk"], item["sk"]), self._table.delete_op(*reverse)]
            self._dynamo.try_transact(deletions)
        for item in self._table.query(blocked_pk(job.participant_id), prefix=BLOCKER_PREFIX):
            blocker_id = item["sk"].removeprefix(BLOCKER_PREFIX)
            with contextlib.suppress(ConditionFailed):  # the block was lifted
                self._table.update(
                    *block_key(blocker_id, job.participant_id),
                    "SET #participant_id = :pseudonym",
                    "attribute_exists(#pk)",
                    pseudonym=job.pseudonym(blocker_id),
                )


def _block_from_item(blocker_id: str, item: Item) -> Block:
    return Block(blocker_id, item["participant_id"], item["blocked_at"])
