"""The operations of DynamoDB that the stores use, with the names, arguments and responses of the SDK's client."""

from __future__ import annotations

import uuid
from typing import Any

from chalicelib.awshttp import AwsJsonClient

TARGET = "DynamoDB_20120810"


class DynamoClient:
    """A DynamoDB client. All methods but `warm_up` raise ServiceError and NoResponse."""

    def __init__(self, service: AwsJsonClient) -> None:
        self._service = service

    def warm_up(self) -> None:
        """Prepare for the first call. Does not raise."""
        self._service.warm_up("GetItem")

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read one item."""
        return self._service.call("GetItem", arguments)

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Read a page of one partition."""
        return self._service.call("Query", arguments)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read up to 100 items."""
        return self._service.call("BatchGetItem", arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """Write a whole item."""
        return self._service.call("PutItem", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """Change attributes of an item."""
        return self._service.call("UpdateItem", arguments)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """Delete an item."""
        return self._service.call("DeleteItem", arguments)

    def batch_write_item(self, **arguments: Any) -> dict[str, Any]:
        """Write and delete up to 25 items, without conditions."""
        return self._service.call("BatchWriteItem", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """Execute up to 100 operations, or none.

        A new idempotency token makes a retry after a lost response a no-op (API Reference, TransactWriteItems).
        """
        return self._service.call("TransactWriteItems", {"ClientRequestToken": str(uuid.uuid4()), **arguments})
