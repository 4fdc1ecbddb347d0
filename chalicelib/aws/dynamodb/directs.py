"""Direct conversations on DynamoDB: a link below each of the two participants, by a digest of the other one.

Both are written in the transaction that creates the conversation, so of two participants who open it at the same
time one creates it. The links lead an erasure to what names a participant who is not a member.
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.aws.dynamodb.consent_keys import DIRECT_PREFIX, block_key, direct_key
from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.keys import departed_key, head_key, membership_key, participant_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.directs import DirectLink, NewPair


class DynamoDirects:
    """The `DirectStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)

    def link(self, participant_id: str, other_id: str) -> DirectLink | None:
        """Return a link."""
        return find_link(self._table, participant_id, other_id)

    def erase_links(self, participant_id: str) -> None:
        """Delete both links of each pair, the other one's note of them, and that of a block in the head."""
        for item in self._table.query(participant_pk(participant_id), prefix=DIRECT_PREFIX):
            link = _link_from_item(participant_id, item)
            for operation in _forget_ops(self._table, link):
                self._dynamo.try_transact([operation])
            # Unchanged: a conversation that replaces it has changed the standing, and its links are erased next.
            unchanged = "#conversation_id = :id"
            own = self._table.delete_op(item["pk"], item["sk"], unchanged, id=link.conversation_id)
            self._dynamo.try_transact([own])


def find_link(table: Table, participant_id: str, other_id: str) -> DirectLink | None:
    """Return the link of a participant to another one."""
    item = table.get(*direct_key(participant_id, other_id))
    return None if item is None else _link_from_item(participant_id, item)


def pair_ops(table: Table, pair: NewPair, conversation_id: str) -> list[Operation]:
    """Write both links, unless there are other ones, and require that the opener does not block the other."""
    operations = []
    for participant_id, other_id in ((pair.opener_id, pair.other_id), (pair.other_id, pair.opener_id)):
        pk, sk = direct_key(participant_id, other_id)
        item = {"pk": pk, "sk": sk, "participant_id": other_id, "conversation_id": conversation_id}
        condition, values = "attribute_not_exists(#pk)", {}
        if pair.replaced:
            condition, values = f"{condition} OR #conversation_id = :replaced", {"replaced": pair.replaced}
        operations.append(table.put_op(item, condition, **values))
    is_not_blocked = table.condition_op(*block_key(pair.opener_id, pair.other_id), "attribute_not_exists(#pk)")
    return [*operations, is_not_blocked]


def mark_block_op(
    table: Table, blocker_id: str, participant_id: str, link: DirectLink | None, *, blocked: bool
) -> list[Operation]:
    """Note in the head of the direct conversation whether a participant blocks the other one.

    Requires that the link is as read; without one, that there is none.
    """
    key = direct_key(blocker_id, participant_id)
    if link is None:
        return [table.condition_op(*key, "attribute_not_exists(#pk)")]
    unchanged = table.condition_op(*key, "#conversation_id = :id", id=link.conversation_id)
    if link.has_ended:
        return [unchanged]
    entry, values = f"#blockers.#{departed_key(blocker_id)}", {"id": blocker_id} if blocked else {}
    change = f"SET {entry} = :id" if blocked else f"REMOVE {entry}"
    head = head_key(link.conversation_id)
    return [unchanged, table.update_op(*head, change, "attribute_exists(#blockers)", **values)]


def _forget_ops(table: Table, link: DirectLink) -> Iterator[Operation]:
    """Return operations that each remove one trace of a participant; those whose condition fails find none."""
    conversation_id, exists = link.conversation_id, "attribute_exists(#pk)"
    other = membership_key(conversation_id, link.other_id)
    yield table.update_op(*other, "REMOVE #other", "attribute_exists(#other)")
    entry = f"#blockers.#{departed_key(link.participant_id)}"
    yield table.update_op(*head_key(conversation_id), f"REMOVE {entry}", "attribute_exists(#blockers)")
    reverse = direct_key(link.other_id, link.participant_id)
    yield table.delete_op(*reverse, f"{exists} AND #conversation_id = :id", id=conversation_id)


def _link_from_item(participant_id: str, item: Item) -> DirectLink:
    return DirectLink(participant_id, item["participant_id"], item["conversation_id"])
