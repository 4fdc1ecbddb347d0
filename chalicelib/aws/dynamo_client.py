"""The calls of DynamoDB that the chat makes, with the names, arguments and answers that the SDK's client has."""

from __future__ import annotations

import uuid
from typing import Any

from .json_service import JsonService

TARGET = "DynamoDB_20120810"


class DynamoClient:
    """Our own, over a `JsonService`. All raise Refused and Unanswered."""

    def __init__(self, service: JsonService) -> None:
        self._service = service

    def open(self) -> None:
        """Connect, before there is anything to ask. Does not raise."""
        self._service.open("GetItem")

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read one item."""
        return self._service.ask("GetItem", arguments)

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Read a page of one partition."""
        return self._service.ask("Query", arguments)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read up to 100 items."""
        return self._service.ask("BatchGetItem", arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """Write a whole item."""
        return self._service.ask("PutItem", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """Change attributes of an item."""
        return self._service.ask("UpdateItem", arguments)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """Delete an item."""
        return self._service.ask("DeleteItem", arguments)

    def batch_write_item(self, **arguments: Any) -> dict[str, Any]:
        """Put and delete up to 25 items, without conditions."""
        return self._service.ask("BatchWriteItem", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """Write up to 100 items, or none.

        With a token, so that what is asked again after an answer that was lost is not done again (DynamoDB API
        reference, TransactWriteItems).
        """
        return self._service.ask("TransactWriteItems", {"ClientRequestToken": str(uuid.uuid4()), **arguments})
