"""Items as JSON text, in the form in which the API shows them."""

from __future__ import annotations

import json

from local.dynamodb.values import Item

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_DECODER = json.JSONDecoder()


def encode(item: Item) -> str:
    """Return an item as the storage keeps it."""
    return _ENCODER.encode(item)


def decode(encoded: str) -> Item:
    """Return an item that the storage kept; it begins and ends without white space."""
    item: Item
    item, _ = _DECODER.raw_decode(encoded)
    return item
