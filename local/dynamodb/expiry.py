"""Time to live: when an item expires (developer guide, "Using time to live in DynamoDB").

The attribute has seconds since the epoch. Other types than Number, and times more than five years ago, never
expire. Expired items stay visible until they are deleted in the background, which takes up to a few days on AWS.
"""

from __future__ import annotations

from local.dynamodb.values import Item

FIVE_YEARS = 5 * 365 * 24 * 3600
_LATEST = 2**62


def expires_at(item: Item, attribute: str | None) -> int | None:
    """Return when the item expires, in seconds since the epoch; None for never."""
    if attribute is None:
        return None
    content = item.get(attribute, {}).get("N")
    if content is None:
        return None
    seconds = int(content.partition(".")[0] or 0)
    return seconds if 0 < seconds < _LATEST else None
