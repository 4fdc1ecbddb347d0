"""Tables as the storage keeps them."""

from __future__ import annotations

import json

from local.dynamodb.schema import MAX_HASH_KEY, MAX_RANGE_KEY, KeyAttribute, Table


def table_of(name: str, description: dict[str, object], expires_by: str | None = None) -> Table:
    """Return the table that the parameters of a CreateTable describe, which were checked before."""
    types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}  # type: ignore[attr-defined]
    names = {each["KeyType"]: each["AttributeName"] for each in description["KeySchema"]}  # type: ignore[attr-defined]
    hash_name, range_name = names["HASH"], names.get("RANGE")
    return Table(
        name,
        0,
        KeyAttribute(hash_name, types[hash_name], MAX_HASH_KEY),
        KeyAttribute(range_name, types[range_name], MAX_RANGE_KEY) if range_name else None,
        description,
        expires_by,
    )


def encode_table(table: Table) -> str:
    """Return a table as JSON."""
    return json.dumps({"description": table.description, "expires_by": table.expires_by})


def decode_table(number: int, name: str, definition: str) -> Table:
    """Return the table that was stored."""
    stored = json.loads(definition)
    return table_of(name, stored["description"], stored["expires_by"]).numbered(number)
