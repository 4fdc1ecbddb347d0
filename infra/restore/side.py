"""One of the two conversations tables of a restore: the old one, or the restored one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import CONVERSATION_PREFIX, HEAD, Key, conversation_pk, head_key
from chalicelib.aws.dynamodb.log_items import head_from_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.conversations import Head
from infra.restore.rows import CONVERSATIONS, require_known

ReadKeys = Callable[[], Iterable[Key]]
"""Reads the keys of all rows of a table, in any order."""


class Side:
    """A table, with the keys of all of its rows."""

    def __init__(self, dynamo: Dynamo, name: str, keys: ReadKeys) -> None:
        self.table = Table(dynamo, name)
        self.dynamo = dynamo
        self._keys = keys

    def partitions(self) -> list[str]:
        """Return the keys of all partitions. Raises InfraError for a row of an unknown kind."""
        found: dict[str, None] = {}
        for pk, sk in self._keys():
            require_known(CONVERSATIONS, pk, sk)
            found[pk] = None
        return list(found)

    def conversations(self) -> list[str]:
        """Return the ids of all conversations that have a head."""
        return [pk.removeprefix(CONVERSATION_PREFIX) for pk, sk in self._keys() if _is_head(pk, sk)]

    def head(self, conversation_id: str) -> Head | None:
        """Return the head of a conversation."""
        item = self.table.get(*head_key(conversation_id))
        return None if item is None else head_from_item(item)

    def rows(self, conversation_id: str, prefix: str) -> Iterator[Item]:
        """Return the rows of a conversation whose sort key begins with a prefix, in order."""
        return self.table.query(conversation_pk(conversation_id), prefix=prefix)


def _is_head(pk: str, sk: str) -> bool:
    return pk.startswith(CONVERSATION_PREFIX) and sk == HEAD
