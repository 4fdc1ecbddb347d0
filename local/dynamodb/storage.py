"""The interface of a storage: items by key in the order of their keys, and atomic commits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from local.dynamodb.key_conditions import KeyRange
from local.dynamodb.schema import StoredKey, Table
from local.dynamodb.values import Item

Key = tuple[StoredKey, StoredKey]


class Write(NamedTuple):
    """One item as a commit leaves it; None deletes it."""

    table: Table
    key: Key
    item: Item | None
    encoded: str | None
    """The item's JSON."""


class Token(NamedTuple):
    """A ClientRequestToken, what it was used for, and until when it is remembered (seconds since the epoch)."""

    token: str
    digest: bytes
    expires_at: float


@dataclass(frozen=True, slots=True)
class RangeRead:
    """Items of a partition: from `after` on (exclusive), forwards or backwards, at most `limit`."""

    pk: StoredKey
    keys: KeyRange
    after: StoredKey | None
    forward: bool
    limit: int


class Storage(Protocol):
    """Where items are kept. Reads may come from any thread at any time; a writer holds `writing`."""

    writing: threading.Lock

    def get(self, table: Table, key: Key) -> Item | None:
        """Return an item as the last commit left it."""

    def get_many(self, keys: Sequence[tuple[Table, Key]]) -> tuple[list[Item | None], int]:
        """Return items as one and the same commit left them, and the greatest size in bytes that they can have."""

    def current(self, table: Table, key: Key) -> Item | None:
        """Return an item; for a writer that holds `writing`."""

    def range(self, table: Table, read: RangeRead) -> tuple[list[Item], int]:
        """Return items in the order of their sort keys, and the greatest size in bytes that they can have."""

    def commit(self, writes: Sequence[Write], token: Token | None = None) -> None:
        """Write all or nothing; for a writer that holds `writing`. Raises DynamoError if it cannot."""

    def expired(self, table: Table, now: float, limit: int) -> list[Item]:
        """Return items whose time to live is over."""

    def tokens(self, now: float) -> list[Token]:
        """Return the tokens that are still remembered."""

    def forget_tokens(self, now: float) -> None:
        """Delete the tokens that are remembered no longer."""

    def tables(self) -> list[Table]:
        """Return all tables."""

    def create_table(self, table: Table) -> Table:
        """Add a table and return it with its number."""

    def update_table(self, table: Table) -> None:
        """Replace a table's settings; expiry times of its items follow `expires_by`."""

    def delete_table(self, table: Table) -> None:
        """Delete a table with its items."""

    def snapshot(self) -> bytes:
        """Return everything in a storage in memory."""

    def reset(self, snapshot: bytes) -> None:
        """Replace everything in a storage in memory by a snapshot."""

    def close(self) -> None:
        """Let go of everything."""
