"""The DynamoDB client as the application uses it, and the base class of layers in front of one.

``DynamoClient`` declares the eight operations that the application uses. A ``Layer`` has the same eight; each
makes one ``Call`` and passes it to ``call``, which subclasses override. So layers can be stacked in any order in
front of any engine (an emulator over HTTP, a real region, another layer).
"""

import itertools
from typing import Any, Protocol

from local.faults.calls import Call


class DynamoClient(Protocol):
    """The operations of boto3's DynamoDB client that the application uses; keyword arguments only."""

    def get_item(self, *args: Any, **kwargs: Any) -> Any:
        """Read one item."""

    def put_item(self, *args: Any, **kwargs: Any) -> Any:
        """Write a whole item."""

    def update_item(self, *args: Any, **kwargs: Any) -> Any:
        """Change attributes of an item, or create it."""

    def delete_item(self, *args: Any, **kwargs: Any) -> Any:
        """Delete an item."""

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Read one page of a partition in sort-key order."""

    def batch_get_item(self, *args: Any, **kwargs: Any) -> Any:
        """Read up to 100 items by key."""

    def batch_write_item(self, *args: Any, **kwargs: Any) -> Any:
        """Put or delete up to 25 items, each independently."""

    def transact_write_items(self, *args: Any, **kwargs: Any) -> Any:
        """Write up to 100 items atomically."""


class Layer:
    """Forwards every operation to the inner client, as one ``Call`` that this layer numbers from 1."""

    def __init__(self, inner: DynamoClient) -> None:
        self._inner = inner
        self._numbers = itertools.count(1)

    def call(self, call: Call) -> Any:
        """Execute one call; subclasses override this."""
        return self.forward(call)

    def forward(self, call: Call) -> Any:
        """Pass a call, possibly a modified one, to the inner client."""
        return getattr(self._inner, call.operation)(**call.arguments)

    @property
    def exceptions(self) -> Any:
        """The exception classes of the inner client, as ``client.exceptions`` of boto3.

        Raises AttributeError if the innermost client has none.
        """
        return getattr(self._inner, "exceptions")  # noqa: B009  # not part of DynamoClient

    @property
    def meta(self) -> Any:
        """The inner client's metadata (endpoint, region), as ``client.meta`` of boto3.

        Raises AttributeError if the innermost client has none.
        """
        return getattr(self._inner, "meta")  # noqa: B009  # not part of DynamoClient

    def get_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.get_item``."""
        return self._dispatch("get_item", arguments)

    def put_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.put_item``."""
        return self._dispatch("put_item", arguments)

    def update_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.update_item``."""
        return self._dispatch("update_item", arguments)

    def delete_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.delete_item``."""
        return self._dispatch("delete_item", arguments)

    def query(self, **arguments: Any) -> Any:
        """See ``DynamoClient.query``."""
        return self._dispatch("query", arguments)

    def batch_get_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.batch_get_item``."""
        return self._dispatch("batch_get_item", arguments)

    def batch_write_item(self, **arguments: Any) -> Any:
        """See ``DynamoClient.batch_write_item``."""
        return self._dispatch("batch_write_item", arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        """See ``DynamoClient.transact_write_items``."""
        return self._dispatch("transact_write_items", arguments)

    def _dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        return self.call(Call(next(self._numbers), operation, arguments))
