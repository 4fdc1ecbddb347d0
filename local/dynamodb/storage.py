"""The records that operations exchange with the storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
