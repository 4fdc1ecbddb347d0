"""The DynamoDB client as the application sees it, and the base of everything that is put in front of one.

``DynamoClient`` names the eight operations that the application uses. A ``Layer`` offers the same eight,
turns each into one ``Call`` and hands it to ``call``, which a subclass overrides; layers therefore stack
in any order in front of any engine (an emulator over HTTP, a real region, another layer).
"""

import itertools
from typing import Any, Protocol

from local.faults.calls import Call


class DynamoClient(Protocol):
    """The part of boto3's low-level DynamoDB client that the application uses; keyword arguments only."""

    def get_item(self, *args: Any, **kwargs: Any) -> Any:
        """Read one item."""

    def put_item(self, *args: Any, **kwargs: Any) -> Any:
        """Write one whole item."""

    def update_item(self, *args: Any, **kwargs: Any) -> Any:
        """Change attributes of one item, or create it."""

    def delete_item(self, *args: Any, **kwargs: Any) -> Any:
        """Remove one item."""

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Read one page of a partition in sort-key order."""

    def batch_get_item(self, *args: Any, **kwargs: Any) -> Any:
        """Read up to 100 items by key."""

    def batch_write_item(self, *args: Any, **kwargs: Any) -> Any:
        """Put or delete up to 25 items, each for itself."""

    def transact_write_items(self, *args: Any, **kwargs: Any) -> Any:
        """Write up to 100 items, all or none."""


class Layer:
    """Passes every operation on to the client behind it, as one ``Call`` numbered from 1 by this layer."""

    def __init__(self, inner: DynamoClient) -> None:
        self._inner = inner
        self._numbers = itertools.count(1)

    def call(self, call: Call) -> Any:
        """Carry out one call; what a subclass overrides."""
        return self.forward(call)

    def forward(self, call: Call) -> Any:
        """Hand a call, possibly a changed one, to the client behind this layer."""
        return getattr(self._inner, call.operation)(**call.arguments)

    @property
    def exceptions(self) -> Any:
        """The exception classes of the client behind, as ``client.exceptions`` of boto3.

        Raises AttributeError if the innermost client has none.
        """
        return getattr(self._inner, "exceptions")  # noqa: B009  # not every DynamoClient has it

    @property
    def meta(self) -> Any:
        """The client's own description (endpoint, region), as ``client.meta`` of boto3.

        Raises AttributeError if the innermost client has none.
        """
        return getattr(self._inner, "meta")  # noqa: B009  # not every DynamoClient has it

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
