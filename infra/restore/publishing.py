"""Replay of endpoints and publishing cursors: endpoints are to drop what they have received of a lost history.

The publisher begins each conversation of an older history with `log_reset`, whose head is the smaller of the
position of the cursor and the head of the log. So a cursor becomes what the endpoint has acknowledged of the part
that both logs have in common, and that of a lost conversation is kept for its reset.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from chalicelib.aws.dynamodb.cursors import cursor_from_item
from chalicelib.aws.dynamodb.deployment_log import DynamoDeploymentLog
from chalicelib.aws.dynamodb.endpoints import endpoint_from_item
from chalicelib.aws.dynamodb.keys import event_key
from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.publishing import DynamoLags
from chalicelib.aws.dynamodb.publishing_keys import CURSOR_PREFIX, ENDPOINTS
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Cursor, Endpoint
from infra.restore.side import Side

_OF_A_JOB = {"in_flight", "lease", "lease_until", "check_at"}
"""The attributes of a cursor that belong to a job or a delivery of the old history."""


class PublishingReplay:
    """Takes over the endpoints as they are now, and their cursors up to what both logs have in common."""

    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old, new
        self._lags = DynamoLags(new.dynamo, new.table.name)
        self._deployment_log = DynamoDeploymentLog(new.dynamo, new.table.name)

    def run(self, partitions: Iterable[str]) -> None:
        """Replay in these partitions of the old table."""
        endpoints = self._take_over_endpoints()
        for pk in partitions:
            if pk.startswith(CURSOR_PREFIX):
                for item in self._old.table.query(pk):
                    if item["sk"] in endpoints and item.get("history_id"):
                        self._take_over(item, endpoints[item["sk"]])

    def _take_over_endpoints(self) -> dict[str, Endpoint]:
        """Make the endpoints those of the old table: a secret that was replaced since must not sign again."""
        items = list(self._old.table.query(ENDPOINTS))
        for item in items:
            self._new.table.put(item)
        known = {item["sk"] for item in items}
        deleted = [item["sk"] for item in self._new.table.query(ENDPOINTS) if item["sk"] not in known]
        self._new.table.batch_delete([(ENDPOINTS, endpoint_id) for endpoint_id in deleted])
        return {item["sk"]: endpoint_from_item(item) for item in items}

    def _take_over(self, item: Item, endpoint: Endpoint) -> None:
        cursor = cursor_from_item(item)
        common = self._common(cursor)
        is_lost = common is None
        position = min(cursor.position, common or 0)
        if not is_lost and not self._knows_what_was_sent(cursor, position, endpoint):
            return  # the restored cursor, if any, is lower
        kept = {name: value for name, value in item.items() if name not in _OF_A_JOB}
        noted = {"is_noted": True} if is_lost else {}
        if is_lost or cursor.is_noted:
            # No walk finds a lost conversation: the sweep takes up its note.
            self._lags.note(cursor.endpoint_id, cursor.conversation_id)
        self._new.table.put({**kept, **noted, "position": position})

    def _knows_what_was_sent(self, cursor: Cursor, position: int, endpoint: Endpoint) -> bool:
        """Return whether the last sequence id up to `position` that the endpoint received is known.

        It becomes the `previous_sequence_id` after the reset. It is the position itself if the endpoint receives
        all types, and did so before: it has a cursor in the backup.
        """
        if not position or cursor.sent <= position:
            return True
        restored = self._new.table.get(f"{CURSOR_PREFIX}{cursor.conversation_id}", cursor.endpoint_id) or {}
        return not endpoint.types and bool(restored.get("history_id"))

    def _common(self, cursor: Cursor) -> int | None:
        """Return up to where both logs are the same, at most the position; None if the restored one is lost.

        Above it, the restored log may have events of the replay already.
        """
        conversation_id = cursor.conversation_id
        if conversation_id == DEPLOYMENT_LOG:
            return self._deployment_log.head()
        head = self._new.head(conversation_id)
        if head is None:
            return None
        last = min(cursor.position, head.sequence_id)
        if last and self._is_same(conversation_id, last):
            return last
        return bisect_left(range(1, last + 1), True, key=lambda number: not self._is_same(conversation_id, number))

    def _is_same(self, conversation_id: str, sequence_id: int) -> bool:
        key = event_key(conversation_id, sequence_id)
        found = [side.table.get(*key) for side in (self._old, self._new)]
        old, new = (None if item is None else event_from_item(item).event for item in found)
        return old is not None and new is not None and _identity(old) == _identity(new)


def _identity(event: dict[str, object]) -> tuple[object, object]:
    """Return what no deletion, erasure or expiry changes, and no two events with one sequence id share."""
    return event["type"], event["created_at"]
