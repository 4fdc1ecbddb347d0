"""Revocations on DynamoDB, in the connections table: the authorizer can read nothing that holds a message.

The item of a participant also holds their suspension and their registration as an agent (`suspensions.py`). It
expires only while it holds neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws.dynamodb.connection_keys import revocation_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.actors import TokenRules

IS_KEPT = "attribute_exists(#suspended_at) OR attribute_exists(#is_agent)"
"""The condition of an item that does not expire."""


class DynamoRevocations:
    """The `RevocationStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the connections table."""
        self._table = Table(dynamo, table)

    def rules(self, participant_id: str) -> TokenRules:
        """Return the rules about the tokens of a participant."""
        return rules_from_item(self._table.get(*revocation_key(participant_id)))

    def rules_of(self, participant_ids: Sequence[str]) -> dict[str, TokenRules]:
        """Return the rules about each of these participants."""
        keys = {participant_id: revocation_key(participant_id) for participant_id in participant_ids}
        items = {(item["pk"], item["sk"]): item for item in self._table.batch_get(list(keys.values()))}
        return {participant_id: rules_from_item(items.get(key)) for participant_id, key in keys.items()}

    def revoke(self, participant_id: str, revoked_at: int, expires_at: int) -> None:
        """Revoke all tokens that were issued before `revoked_at` (ms)."""
        key, change = revocation_key(participant_id), "SET #revoked_at = :at"
        expiring = f"{change}, #expires_at = :until"
        # Each condition fails if a suspension begins or ends at this moment.
        while not (
            self._table.try_update(*key, expiring, f"NOT ({IS_KEPT})", at=revoked_at, until=expires_at)
            or self._table.try_update(*key, change, IS_KEPT, at=revoked_at)
        ):
            pass


def rules_from_item(item: Item | None) -> TokenRules:
    """Return the rules of an item, or those without one."""
    if item is None:
        return TokenRules()
    return TokenRules(item.get("revoked_at", 0), item.get("suspended_at", 0), "is_agent" in item)
