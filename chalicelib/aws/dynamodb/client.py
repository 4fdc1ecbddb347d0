"""The calls of DynamoDB that the chat makes, with the names, arguments and answers that the SDK's client has."""

from __future__ import annotations

import uuid
from typing import Any

from chalicelib.awshttp._json_client import AwsJsonClient

TARGET = "DynamoDB_20120810"


class DynamoClient:
    """Our own, over a `AwsJsonClient`. All raise ServiceError and NoResponse."""

    def __init__(self, service: AwsJsonClient) -> None:
        self._service = service

    def warm_up(self) -> None:
        """Connect, before there is anything to ask. Does not raise."""
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
        """Put and delete up to 25 items, without conditions."""
        return self._service.call("BatchWriteItem", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """Write up to 100 items, or none.

        With a token, so that what is asked again after an answer that was lost is not done again (DynamoDB API
        reference, TransactWriteItems).
        """
        return self._service.call("TransactWriteItems", {"ClientRequestToken": str(uuid.uuid4()), **arguments})
