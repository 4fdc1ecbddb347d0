"""Conversations on DynamoDB: their details, their creation, and their end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.append_steps import put_purge_op, require_member_op
from chalicelib.aws.dynamodb.consent_keys import INVITED_PREFIX
from chalicelib.aws.dynamodb.conversation_items import details_from_item
from chalicelib.aws.dynamodb.creation import create
from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, no_entries
from chalicelib.aws.dynamodb.keys import (
    DETAILS,
    FIRST,
    HEAD,
    LAST,
    PAST_MEMBERSHIP_PREFIX,
    ROSTER_PREFIX,
    Key,
    conversation_pk,
    details_key,
    event_key,
    footprint_key,
    head_key,
    idempotency_record_key,
    membership_key,
    queue_pk,
    sk_after,
)
from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.table import Table, parallel_batch_get
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import (
    CREATION_SHARDS,
    PURGES,
    creation_key,
    creation_pk,
    due_by,
    parse_due_sk,
    purge_key,
)
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import NewConversation, Purge, WriteConflict

if TYPE_CHECKING:
    from chalicelib.core.model.creations import CreationRecord


class DynamoConversations:
    """The `ConversationStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather, entries: Entries = no_entries) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._entries = entries
        self._table = Table(dynamo, table)
        self._gather = gather

    def details(self, conversation_id: str) -> ConversationDetails | None:
        """Return the details of a conversation."""
        item = self._table.get(*details_key(conversation_id))
        return None if item is None else details_from_item(item)

    def details_of(self, conversation_ids: Sequence[str]) -> dict[str, ConversationDetails]:
        """Return the details of some conversations."""
        keys = [details_key(conversation_id) for conversation_id in conversation_ids]
        details = map(details_from_item, parallel_batch_get(self._table, self._gather, keys))
        return {found.conversation_id: found for found in details}

    def load_summaries(self, heads: Sequence[Head]) -> tuple[dict[str, ConversationDetails], dict[str, Event]]:
        """Return the details of some conversations, and the newest message of each in its current form."""
        keys = [details_key(head.conversation_id) for head in heads]
        keys += [event_key(head.conversation_id, head.last_message) for head in heads if head.last_message]
        items = parallel_batch_get(self._table, self._gather, keys)
        details = [details_from_item(item) for item in items if item["sk"] == DETAILS]
        messages = [event_from_item(item).current for item in items if item["sk"] != DETAILS]
        return (
            {each.conversation_id: each for each in details},
            {message["conversation_id"]: message for message in messages},
        )

    def created_after(self, conversation_id: str, limit: int) -> list[str]:
        """Return conversations from the index by creation, from all of its partitions in parallel."""
        between = (sk_after(conversation_id) if conversation_id else FIRST, LAST)

        def read(shard: int) -> list[str]:
            return [item["sk"] for item in self._table.query(creation_pk(shard), between=between, limit=limit)]

        found = self._gather(*(functools.partial(read, shard) for shard in range(CREATION_SHARDS)))
        return sorted(itertools.chain.from_iterable(found))[:limit]

    def create(self, new: NewConversation) -> bool:
        """Create a conversation; return whether that is complete."""
        return create(self._dynamo, self._table, new)

    def creation(self, participant_id: str, hashed_key: str) -> CreationRecord | None:
        """Return the record of a creation with an idempotency key."""
        from chalicelib.aws.dynamodb.creation_records import find_record

        return find_record(self._table, participant_id, hashed_key)

    def creations(self, participant_id: str) -> list[CreationRecord]:
        """Return all such records of a participant."""
        from chalicelib.aws.dynamodb.creation_records import list_records

        return list_records(self._table, participant_id)

    def erase_creations(self, participant_id: str) -> None:
        """Delete all such records of a participant."""
        from chalicelib.aws.dynamodb.creation_records import erase_records

        erase_records(self._table, participant_id)

    def delete(self, owner: Membership, *, purge_at: int) -> bool:
        """Mark a live conversation as deleted; return False if it is not live or `owner` does not own it."""
        mark = self._table.update_op(
            *head_key(owner.conversation_id),
            "SET #state = :deleted",
            "#state = :live",
            deleted=ConversationState.DELETED.value,
            live=ConversationState.LIVE.value,
        )
        guards = [] if owner.is_service else [require_member_op(self._table, owner, role=True)]
        purge = put_purge_op(self._table, owner.conversation_id, purge_at)
        entries = self._entries("conversation_deleted", conversation_id=owner.conversation_id)
        return self._dynamo.try_transact([mark, *guards, purge, *entries])

    def due_purges(self, now: int, limit: int) -> list[Purge]:
        """Return conversations to purge by `now`, the longest due first."""
        items = self._table.query(PURGES, between=due_by(now), limit=limit)
        return [_purge_from_item(item) for item in items]

    def purge(self, purge: Purge, limit: int, before_end: Callable[[], None] | None = None) -> bool:
        """Remove about `limit` items, the head last, so that another call can continue after a crash."""
        pk = conversation_pk(purge.conversation_id)
        head = self._table.get(*head_key(purge.conversation_id))
        if head is not None and head["state"] == ConversationState.LIVE.value:
            # A live conversation is never purged, even if that is scheduled.
            self._table.delete(*purge_key(purge))
            return True
        items = [item for item in self._table.query(pk, limit=limit, include_expired=True) if item["sk"] != HEAD]
        items += self._table.query(queue_pk(purge.conversation_id), limit=limit, include_expired=True)
        if not items:
            if before_end is not None:
                before_end()
            return self._end(purge, is_visible=head is not None)
        # Items that are found only by these are deleted before them.
        self._table.batch_delete(_keys_found_by(purge.conversation_id, items))
        self._table.batch_delete([(item["pk"], item["sk"]) for item in items])
        return False

    def _end(self, purge: Purge, *, is_visible: bool) -> bool:
        """Delete the last items of a conversation; return False if that is to be repeated."""
        keys = [head_key(purge.conversation_id), creation_key(purge.conversation_id), purge_key(purge)]
        entries = self._entries("conversation_purged", conversation_id=purge.conversation_id) if is_visible else []
        if entries:
            try:
                return self._dynamo.try_transact([*(self._table.delete_op(*key) for key in keys), *entries])
            except WriteConflict:
                return False
        for key in keys:
            self._table.delete(*key)
        return True

    def postpone(self, purge: Purge, due_at: int) -> None:
        """Purge later; no-op if the purge is not scheduled as read."""
        pk, sk = purge_key(purge._replace(due_at=due_at))
        item = {"pk": pk, "sk": sk, "first_due_at": purge.first_due_at or purge.due_at}
        self._dynamo.try_transact(
            [self._table.delete_op(*purge_key(purge), "attribute_exists(#pk)"), self._table.put_op(item)]
        )


def _purge_from_item(item: Item) -> Purge:
    due_at, conversation_id = parse_due_sk(item["sk"])
    return Purge(conversation_id, due_at, item.get("first_due_at", 0))


def _keys_found_by(conversation_id: str, items: Sequence[Item]) -> list[Key]:
    """Return the keys, outside the conversation's partition, of what belongs to items of the conversation."""
    from chalicelib.aws.dynamodb.pending_items import keys_of, pending_from_item
    from chalicelib.aws.dynamodb.report_items import copy_key_of, index_key_of, is_report

    keys: list[Key] = []
    for item in items:
        if "idempotency_key" in item:
            keys.append(idempotency_record_key(item["idempotency_key"]))
        elif item["sk"].startswith(ROSTER_PREFIX):
            keys.append(membership_key(conversation_id, item["participant_id"]))
        elif item["sk"].startswith(INVITED_PREFIX):
            keys += keys_of(pending_from_item(item))[:2]
        elif is_report(item["sk"]):
            keys += [copy_key_of(item), index_key_of(item)]
        elif item["sk"].startswith(PAST_MEMBERSHIP_PREFIX):
            participant_id = item["sk"].removeprefix(PAST_MEMBERSHIP_PREFIX)
            keys.append(footprint_key(conversation_id, participant_id))
    return keys
