"""Replay of blocks, pending memberships, and suspensions in standings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.aws.dynamodb.consent_keys import (
    BLOCK_PREFIX,
    BLOCKED_PREFIX,
    BLOCKER_PREFIX,
    DIRECT_PREFIX,
    HIDDEN_PREFIX,
    INVITED_PREFIX,
    PENDING_PREFIX,
    STANDING,
)
from chalicelib.aws.dynamodb.erasure_items import job_from_item
from chalicelib.aws.dynamodb.keys import CONVERSATION_PREFIX, PARTICIPANT_PREFIX, departed_key, head_key
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import erasure_key
from chalicelib.core.model.privacy import erasure_id
from infra.restore.side import Side


class ConsentReplay:
    """Keeps the blocks of both tables, and only pending memberships that are pending in the old one, too.

    Comes after the erasures. The old table can name a participant whose erasure has not finished there: rows that
    do are not added. Standings stay as at TIME but for suspensions, and the departures of the replay change their
    counts.
    """

    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old, new

    def run(self, partitions: Iterable[str]) -> None:
        """Replay in these partitions of either table."""
        ordered = sorted(set(partitions), key=lambda pk: not pk.startswith(PARTICIPANT_PREFIX))
        for pk in ordered:
            if pk.startswith(PARTICIPANT_PREFIX):
                self._drop(pk, PENDING_PREFIX)
                self._add(pk, BLOCK_PREFIX)
                self._note_blocks(pk)
                self._add(pk, HIDDEN_PREFIX)
                self._align_suspension(pk)
            elif pk.startswith(BLOCKED_PREFIX):
                self._add_reverse(pk)
            elif pk.startswith(CONVERSATION_PREFIX):
                self._drop(pk, INVITED_PREFIX)

    def _rows(self, side: Side, pk: str, prefix: str) -> dict[str, Item]:
        return {item["sk"]: item for item in side.table.query(pk, prefix=prefix, include_expired=True)}

    def _add(self, pk: str, prefix: str) -> None:
        """Add the rows that only the old table has."""
        present = self._rows(self._new, pk, prefix)
        for sk, item in self._rows(self._old, pk, prefix).items():
            if sk not in present and not any(map(self._is_erased, _people(item))):
                self._new.table.put(item)

    def _align_suspension(self, pk: str) -> None:
        """Mark the standing as suspended exactly if it is in the old table."""
        is_suspended = "suspended" in (self._old.table.get(pk, STANDING) or {})
        if is_suspended != ("suspended" in (self._new.table.get(pk, STANDING) or {})):
            change = "SET #suspended = :yes" if is_suspended else "REMOVE #suspended"
            values: dict[str, Any] = {"one": 1, "yes": True} if is_suspended else {"one": 1}
            self._new.table.update(pk, STANDING, f"{change} ADD #version :one", **values)

    def _note_blocks(self, pk: str) -> None:
        """Note the blocks of a participant in the heads of their direct conversations, as `mark_block_op` does."""
        table, blocker_id = self._new.table, pk.removeprefix(PARTICIPANT_PREFIX)
        links = self._rows(self._new, pk, DIRECT_PREFIX)
        for sk in self._rows(self._new, pk, BLOCK_PREFIX):
            # Both rows have the digest of the other participant.
            item = links.get(DIRECT_PREFIX + sk.removeprefix(BLOCK_PREFIX))
            key = None if item is None else head_key(item["conversation_id"])
            if key is not None and "blockers" in (table.get(*key) or {}):
                change = f"SET #blockers.#{departed_key(blocker_id)} = :id"
                table.update(*key, change, "attribute_exists(#blockers)", id=blocker_id)

    def _add_reverse(self, pk: str) -> None:
        """Add the reverse rows of blocks that are there by now. Both have the same keys, exchanged."""
        present = self._rows(self._new, pk, BLOCKER_PREFIX)
        for sk, item in self._rows(self._old, pk, BLOCKER_PREFIX).items():
            if sk not in present and self._new.table.get(sk, pk) is not None:
                self._new.table.put(item)

    def _drop(self, pk: str, prefix: str) -> None:
        """Delete the rows that only the restored table has: accepted, declined, withdrawn or expired since."""
        present = self._rows(self._old, pk, prefix)
        ended = [sk for sk in self._rows(self._new, pk, prefix) if sk not in present]
        self._new.table.batch_delete([(pk, sk) for sk in ended])

    def _is_erased(self, participant_id: str) -> bool:
        """Return whether the erasure of a participant has not finished in the old table."""
        item = self._old.table.get(*erasure_key(erasure_id(participant_id)))
        return item is not None and job_from_item(item).is_running


def _people(item: Item) -> list[str]:
    """Return the ids of the participants that a block or a pending membership names."""
    keys = [key for key in (item["pk"], item["sk"]) if key.startswith(PARTICIPANT_PREFIX)]
    named = [item[name] for name in ("participant_id", "adder_id") if name in item]
    return [*(key.removeprefix(PARTICIPANT_PREFIX) for key in keys), *named]
