"""Revocations on DynamoDB, in the connections table: the authorizer can read nothing that holds a message."""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_keys import revocation_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table


class DynamoRevocations:
    """The `RevocationStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the connections table."""
        self._table = Table(dynamo, table)

    def revoked_at(self, participant_id: str) -> int:
        """Return when the participant's tokens were revoked (ms); 0 if they were not."""
        item = self._table.get(*revocation_key(participant_id))
        return 0 if item is None else int(item["revoked_at"])

    def revoke(self, participant_id: str, revoked_at: int, expires_at: int) -> None:
        """Revoke all tokens that were issued before `revoked_at` (ms)."""
        pk, sk = revocation_key(participant_id)
        self._table.put({"pk": pk, "sk": sk, "revoked_at": revoked_at, "expires_at": expires_at})
