"""Lag notes, the progress of the walk, and the heartbeat of the stream, on DynamoDB."""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import FIRST, LAST, sk_after
from chalicelib.aws.dynamodb.publishing_keys import heartbeat_key, lag_pk, last_beat_key, walk_key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.publishing import WalkProgress

_HEARTBEAT_TTL = 2 * 24 * 3600


class DynamoLags:
    """The `LagStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._table = Table(dynamo, table)

    def note(self, endpoint_id: str, conversation_id: str) -> None:
        """Note a conversation."""
        self._table.put({"pk": lag_pk(endpoint_id), "sk": conversation_id})

    def clear(self, endpoint_id: str, conversation_id: str) -> None:
        """Delete a note."""
        self._table.delete(lag_pk(endpoint_id), conversation_id)

    def lagging(self, endpoint_id: str, after: str | None, limit: int) -> list[str]:
        """Return the next conversations with a note."""
        between = (FIRST if after is None else sk_after(after), LAST)
        return [item["sk"] for item in self._table.query(lag_pk(endpoint_id), between=between, limit=limit)]


class DynamoProgress:
    """The `ProgressStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._table = Table(dynamo, table)

    def request_walk(self) -> None:
        """Count a request."""
        self._table.update(*walk_key(), "ADD #requested :one", one=1)

    def walk(self) -> WalkProgress:
        """Return the progress of the walk."""
        item = self._table.get(*walk_key()) or {}
        return WalkProgress(**{name: item[name] for name in WalkProgress._fields if name in item})

    def save_walk(self, progress: WalkProgress, position: str, covers: int) -> bool:
        """Move on; an empty position completes the walk."""
        change = "SET #position = :position, #covers = :covers"
        return self._table.try_update(
            *walk_key(),
            change if position else f"{change}, #covered = :covers",
            "#position = :was" if progress.position else "attribute_not_exists(#position) OR #position = :was",
            position=position,
            covers=covers,
            was=progress.position,
        )

    def beat(self, now: int) -> None:
        """Write a heartbeat, which TTL deletes."""
        pk, sk = heartbeat_key(now)
        self._table.put({"pk": pk, "sk": sk, "expires_at": now // 1000 + _HEARTBEAT_TTL})

    def note_beat(self, time: int, source: str) -> None:
        """Store the time of a heartbeat that came back."""
        later = "attribute_not_exists(#time) OR #time < :time OR #source <> :source"
        change = "SET #time = :time, #source = :source"
        self._table.try_update(*last_beat_key(), change, later, time=time, source=source)

    def last_beat(self, source: str) -> int:
        """Return the time of the newest heartbeat that came back from a source."""
        item = self._table.get(*last_beat_key())
        return int(item["time"]) if item is not None and item["source"] == source else 0
