"""Tables: their keys, and how keys are stored so that they sort as DynamoDB sorts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from local.dynamodb.errors import DynamoError, invalid_parameter, validation
from local.dynamodb.numbers import sortable
from local.dynamodb.values import Item, Value, binary, normalize, type_of

StoredKey: TypeAlias = str | bytes
"""Strings sort by their UTF-8 bytes, binary values bytewise, numbers by an encoding that sorts numerically."""

MAX_HASH_KEY = 2048
MAX_RANGE_KEY = 1024
NO_RANGE_KEY = ""
"""The sort key in a table without one."""
_MISMATCH = "The provided key element does not match the schema"


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """A partition or sort key: its name, its type (`S`, `N` or `B`) and its greatest length in bytes."""

    name: str
    type: str
    max_bytes: int

    @property
    def is_hash(self) -> bool:
        """Whether it is the partition key."""
        return self.max_bytes == MAX_HASH_KEY

    def stored(self, value: Value) -> StoredKey:
        """Return the key as it is stored. Raises DynamoError if it is empty or too long."""
        content = value[self.type]
        if self.type == "N":
            return sortable(content)
        if not content:
            noun = "string" if self.type == "S" else "binary"
            raise validation(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain"
                f" an empty {noun} value. Key: {self.name}"
            )
        found: StoredKey = content if self.type == "S" else binary(content)
        # A character is at most four bytes, so most keys need not be encoded to be measured.
        if len(found) * 4 > self.max_bytes:
            size = len(found.encode()) if isinstance(found, str) else len(found)
            if size > self.max_bytes:
                kind = "hashkey" if self.is_hash else "rangekey"
                raise invalid_parameter(
                    f"Size of {kind} has exceeded the maximum size limit of {self.max_bytes} bytes"
                )
        return found


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its name, where the storage keeps it, its keys, and its settings as the API describes them."""

    name: str
    number: int
    hash_key: KeyAttribute
    range_key: KeyAttribute | None
    description: Mapping[str, Any]
    expires_by: str | None = None
    """The attribute with the time to live, if that is enabled."""

    keys: tuple[KeyAttribute, ...] = field(init=False)
    """The partition key and the sort key, if there is one."""

    def __post_init__(self) -> None:
        keys = (self.hash_key,) if self.range_key is None else (self.hash_key, self.range_key)
        object.__setattr__(self, "keys", keys)

    def key_of_item(self, item: Item) -> tuple[StoredKey, StoredKey]:
        """Return the stored key of a normalized item. Raises DynamoError if it has none."""
        for attribute in self.keys:
            value = item.get(attribute.name)
            if value is None:
                raise invalid_parameter(f"Missing the key {attribute.name} in the item")
            if attribute.type not in value:
                raise invalid_parameter(
                    f"Type mismatch for key {attribute.name} expected: {attribute.type} actual: {type_of(value)}"
                )
        return self.stored(item)

    def key(self, key: Any) -> tuple[StoredKey, StoredKey]:
        """Return the stored key of a `Key` argument. Raises DynamoError unless it has the key's attributes."""
        return self.stored(self.normalized_key(key))

    def normalized_key(self, key: Any) -> Item:
        """Return a `Key` argument in normalized form. Raises DynamoError unless it has the key's attributes."""
        if not isinstance(key, dict):
            raise DynamoError("SerializationException", "A key is not a map")
        if len(key) != len(self.keys):
            raise validation(_MISMATCH)
        normalized: Item = {}
        for attribute in self.keys:
            value = key.get(attribute.name)
            if value is None:
                raise validation(_MISMATCH)
            normalized[attribute.name] = normalize(value)
            if attribute.type not in value:
                raise validation(_MISMATCH)
        return normalized

    def stored(self, item: Mapping[str, Value]) -> tuple[StoredKey, StoredKey]:
        """Return the stored key of an item or a key in normalized form. Raises DynamoError."""
        pk = self.hash_key.stored(item[self.hash_key.name])
        return pk, NO_RANGE_KEY if self.range_key is None else self.range_key.stored(item[self.range_key.name])

    def numbered(self, number: int) -> Table:
        """Return the same table under the number that the storage gave it."""
        return replace(self, number=number)

    def key_attributes(self, item: Mapping[str, Value]) -> Item:
        """Return the key of an item as the API shows it."""
        return {attribute.name: item[attribute.name] for attribute in self.keys}
