"""Replay of blocks and pending memberships."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.aws.dynamodb.consent_keys import (
    BLOCK_PREFIX,
    BLOCKED_PREFIX,
    BLOCKER_PREFIX,
    HIDDEN_PREFIX,
    INVITED_PREFIX,
    PENDING_PREFIX,
    STANDING,
)
from chalicelib.aws.dynamodb.keys import CONVERSATION_PREFIX, PARTICIPANT_PREFIX
from chalicelib.aws.dynamodb.values import Item
from infra.restore.side import Side


class ConsentReplay:
    """Keeps the blocks of both tables, and only pending memberships that are pending in the old one, too.

    Comes after the erasures: the old table names no erased participant.
    """

    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old, new

    def run(self, partitions: Iterable[str]) -> None:
        """Replay in these partitions of either table."""
        for pk in dict.fromkeys(partitions):
            if pk.startswith(PARTICIPANT_PREFIX):
                self._drop(pk, PENDING_PREFIX)
                self._add(pk, BLOCK_PREFIX)
                self._add(pk, HIDDEN_PREFIX)
                self._copy_standing(pk)
            elif pk.startswith(BLOCKED_PREFIX):
                self._add(pk, BLOCKER_PREFIX)
            elif pk.startswith(CONVERSATION_PREFIX):
                self._drop(pk, INVITED_PREFIX)

    def _rows(self, side: Side, pk: str, prefix: str) -> dict[str, Item]:
        return {item["sk"]: item for item in side.table.query(pk, prefix=prefix, include_expired=True)}

    def _add(self, pk: str, prefix: str) -> None:
        """Add the rows that only the old table has."""
        present = self._rows(self._new, pk, prefix)
        for sk, item in self._rows(self._old, pk, prefix).items():
            if sk not in present:
                self._new.table.put(item)

    def _drop(self, pk: str, prefix: str) -> None:
        """Delete the rows that only the restored table has: accepted, declined, withdrawn or expired since."""
        present = self._rows(self._old, pk, prefix)
        ended = [sk for sk in self._rows(self._new, pk, prefix) if sk not in present]
        self._new.table.batch_delete([(pk, sk) for sk in ended])

    def _copy_standing(self, pk: str) -> None:
        """Take the later counts, which can only be too high. An erasure has deleted both standings."""
        old, new = self._old.table.get(pk, STANDING), self._new.table.get(pk, STANDING)
        if old is not None and new is not None and "erasing" not in old:
            self._new.table.put(old)
