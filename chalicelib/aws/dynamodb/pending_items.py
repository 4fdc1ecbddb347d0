"""The items of standings and pending memberships: of the latter one for the participant, and one for owners.

That of the participant is either visible or, under another key, hidden; a hidden one holds only what its deletion
needs. Both items of a pending membership expire at the same time.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.consent_keys import hidden_key, invited_key, pending_key
from chalicelib.aws.dynamodb.keys import Key
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.consent import PendingMembership, Standing


def pending_to_items(entry: PendingMembership, *, is_visible: bool) -> tuple[Item, Item]:
    """Return the item of the participant, and that of the conversation."""
    pk, sk = invited_key(*_names(entry))
    conversation_item = {"pk": pk, "sk": sk} | _attributes(entry)
    if not is_visible:
        return hidden_to_item(entry), conversation_item
    pk, sk = pending_key(*_names(entry))
    return {"pk": pk, "sk": sk} | _attributes(entry), conversation_item


def hidden_to_item(entry: PendingMembership) -> Item:
    """Return the item of a pending membership that the participant does not see."""
    pk, sk = hidden_key(*_names(entry))
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": entry.conversation_id,
        "adder_id": entry.adder_id,
        "expires_at": entry.expires_at,
    }


def keys_of(entry: PendingMembership) -> tuple[Key, Key, Key]:
    """Return the keys of all items that a pending membership can have: visible, hidden, of the conversation."""
    names = _names(entry)
    return pending_key(*names), hidden_key(*names), invited_key(*names)


def pending_from_item(item: Item) -> PendingMembership:
    """Return a pending membership."""
    return PendingMembership(**{name: item[name] for name in PendingMembership._fields if name in item})


def _names(entry: PendingMembership) -> tuple[str, str, str]:
    return entry.conversation_id, entry.participant_id, entry.adder_id


def _attributes(entry: PendingMembership) -> Item:
    return entry._asdict() | {"is_direct": entry.is_direct or None}


def standing_from_item(participant_id: str, item: Item | None) -> Standing:
    """Return a standing; a participant without an item has an empty one."""
    if item is None:
        return Standing(participant_id)
    return Standing(
        participant_id,
        item.get("version", 0),
        max(item.get("own", 0), 0),
        max(item.get("added", 0), 0),
        item.get("pending", 0),
        item.get("counted_at", 0),
        "erasing" in item,
        "suspended" in item,
        item.get("type", "human"),
        item.get("profile_version", 0),
        item.get("profile_name"),
        item.get("avatar_url"),
    )
