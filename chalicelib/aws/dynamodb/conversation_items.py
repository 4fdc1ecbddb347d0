"""The item of a conversation's details."""

from __future__ import annotations

import json

from chalicelib.aws.dynamodb.keys import details_key
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.conversations import ConversationDetails


def details_to_item(details: ConversationDetails) -> Item:
    """Return the item of the details."""
    pk, sk = details_key(details.conversation_id)
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": details.conversation_id,
        "title": details.title,
        "join_policy": details.join_policy,
        "metadata": json_codec.dumps(details.metadata),
        "created_at": details.created_at,
        "created_by": details.created_by,
        "retention_days": details.retention_days,
    }


def details_from_item(item: Item) -> ConversationDetails:
    """Return the details."""
    return ConversationDetails(
        conversation_id=item["conversation_id"],
        title=item["title"],
        join_policy=item["join_policy"],
        metadata=json.loads(item["metadata"]),
        created_at=item["created_at"],
        created_by=item["created_by"],
        retention_days=item.get("retention_days"),
    )
