"""The engine with the methods of the SDK's low-level client, called in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError

MakeError = Callable[[Any, str], Exception]
"""Makes an exception of an error response and the name of an operation: `ClientError`, `ServiceError`."""


class EngineClient:
    """See the module. Arguments and answers are those of the JSON protocol, with binary values as base64 text."""

    def __init__(self, engine: Engine, make_error: MakeError) -> None:
        self._engine = engine
        self._make_error = make_error

    def _call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._engine.call(operation, arguments)
        except DynamoError as error:
            self._raise(error, operation)

    def _raise(self, error: DynamoError, operation: str) -> NoReturn:
        raise self._make_error(error.response, operation) from error

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read one item."""
        return self._call("GetItem", arguments)

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Read a page of one partition."""
        return self._call("Query", arguments)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read up to 100 items."""
        return self._call("BatchGetItem", arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """Write a whole item."""
        return self._call("PutItem", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """Change attributes of an item."""
        return self._call("UpdateItem", arguments)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """Delete an item."""
        return self._call("DeleteItem", arguments)

    def batch_write_item(self, **arguments: Any) -> dict[str, Any]:
        """Put and delete up to 25 items, without conditions."""
        return self._call("BatchWriteItem", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """Write up to 100 items, or none."""
        return self._call("TransactWriteItems", arguments)

    def transact_get_items(self, **arguments: Any) -> dict[str, Any]:
        """Read up to 100 items as they were at one moment."""
        return self._call("TransactGetItems", arguments)

    def create_table(self, **arguments: Any) -> dict[str, Any]:
        """Create a table."""
        return self._call("CreateTable", arguments)

    def describe_table(self, **arguments: Any) -> dict[str, Any]:
        """Describe a table."""
        return self._call("DescribeTable", arguments)

    def delete_table(self, **arguments: Any) -> dict[str, Any]:
        """Delete a table and its items."""
        return self._call("DeleteTable", arguments)

    def list_tables(self, **arguments: Any) -> dict[str, Any]:
        """List the names of tables."""
        return self._call("ListTables", arguments)

    def update_time_to_live(self, **arguments: Any) -> dict[str, Any]:
        """Name the attribute by which items expire."""
        return self._call("UpdateTimeToLive", arguments)

    def describe_time_to_live(self, **arguments: Any) -> dict[str, Any]:
        """Return the attribute by which items expire."""
        return self._call("DescribeTimeToLive", arguments)

    def warm_up(self) -> None:
        """Do nothing: there is no connection to make."""
