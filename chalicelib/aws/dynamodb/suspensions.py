"""Suspensions and registered agents on DynamoDB.

Both are attributes of the revocation's item. A suspension also marks the participant's standing, in the same
transaction: the transactions by which memberships begin have a condition on the standing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.connection_keys import revocation_key
from chalicelib.aws.dynamodb.consent_keys import standing_key
from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, Operation, no_entries
from chalicelib.aws.dynamodb.table import Table


class DynamoSuspensions:
    """The `SuspensionStore` port."""

    def __init__(
        self, dynamo: Dynamo, connections_table: str, conversations_table: str, entries: Entries = no_entries
    ) -> None:
        self._dynamo = dynamo
        self._entries = entries
        self._connections = Table(dynamo, connections_table)
        self._conversations = Table(dynamo, conversations_table)

    def suspend(self, participant_id: str, suspended_at: int) -> bool:
        """Suspend a participant; the item no longer expires."""
        change = self._connections.update_op(
            *revocation_key(participant_id),
            "SET #suspended_at = :at REMOVE #expires_at",
            "attribute_not_exists(#suspended_at)",
            at=suspended_at,
        )
        mark = self._mark_op(participant_id, "SET #suspended = :yes ADD #version :one", yes=True)
        entries = self._entries("participant_suspended", participant_id=participant_id)
        return self._dynamo.try_transact([change, mark, *entries])

    def lift_suspension(self, participant_id: str, expires_at: int) -> bool:
        """End a suspension."""
        mark = self._mark_op(participant_id, "REMOVE #suspended ADD #version :one", "attribute_exists(#suspended)")
        # An erasure deletes the standing, which would name the participant again.
        unmarked = self._conversations.condition_op(
            *standing_key(participant_id), "attribute_not_exists(#suspended)"
        )
        entries = self._entries("participant_unsuspended", participant_id=participant_id)
        marks = (mark, unmarked)
        return self._end(participant_id, "suspended_at", "is_agent", expires_at, *marks, entries=entries)

    def register_agent(self, participant_id: str) -> bool:
        """Register a participant as an agent; the item no longer expires."""
        change = self._connections.update_op(
            *revocation_key(participant_id),
            "SET #is_agent = :yes REMOVE #expires_at",
            "attribute_not_exists(#is_agent)",
            yes=True,
        )
        return self._dynamo.try_transact([change])

    def unregister_agent(self, participant_id: str, expires_at: int) -> bool:
        """End a registration."""
        return self._end(participant_id, "is_agent", "suspended_at", expires_at)

    def _mark_op(self, participant_id: str, change: str, condition: str | None = None, **values: Any) -> Operation:
        return self._conversations.update_op(*standing_key(participant_id), change, condition, one=1, **values)

    def _end(
        self,
        participant_id: str,
        attribute: str,
        other: str,
        expires_at: int,
        *alternatives: Operation,
        entries: Sequence[Operation] = (),
    ) -> bool:
        """Remove one of the two attributes; without the other one, the item expires again.

        One of the alternatives, if there are any, is executed with it: the first whose condition holds.
        """
        key = revocation_key(participant_id)
        while True:
            item = self._connections.get(*key)
            if item is None or attribute not in item:
                return False
            change, values = f"REMOVE #{attribute}", dict[str, Any]()
            condition = (
                f"attribute_exists(#{attribute}) AND attribute_{'' if other in item else 'not_'}exists(#{other})"
            )
            if other not in item:
                change, values = f"SET #expires_at = :until {change}", {"until": expires_at}
            update = self._connections.update_op(*key, change, condition, **values)
            transactions = [[update, operation, *entries] for operation in alternatives] or [[update, *entries]]
            if any(map(self._dynamo.try_transact, transactions)):
                return True
