"""Logs on DynamoDB: heads, events, the queue, idempotency records and reactions. Appending is in `append.py`."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence

from chalicelib.aws.dynamodb.append import append
from chalicelib.aws.dynamodb.append_sender import sender_changes
from chalicelib.aws.dynamodb.creation import finalize
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import (
    ALL_RUNS,
    LEASE,
    conversation_pk,
    departed_key,
    event_key,
    event_sk,
    head_key,
    idempotency_hash,
    idempotency_record_key,
    queue_pk,
    reaction_key,
    reaction_prefix,
    sk_after,
    sk_up_to,
)
from chalicelib.aws.dynamodb.log_items import (
    event_from_item,
    head_from_item,
    idempotency_record_from_item,
    queue_front_from_items,
    queue_lease_to_item,
    queued_run_from_item,
    queued_run_to_item,
    reaction_from_item,
)
from chalicelib.aws.dynamodb.other_notes import note_actor
from chalicelib.aws.dynamodb.table import Table, parallel_batch_get
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Reaction, StoredEvent
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedRun, QueueFront, QueueLease
from chalicelib.core.ports.commits import Commit

REACTION_BATCH = 100
"""How many reactions are read and deleted at a time, where all of them are."""


class DynamoEventLog:
    """The `EventLogStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._gather = gather

    def head(self, conversation_id: str) -> Head | None:
        """Return the head of the log."""
        item = self._table.get(*head_key(conversation_id))
        return None if item is None else head_from_item(item)

    def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """Return the heads of those conversations that exist, with parallel requests for 100 each."""
        keys = [head_key(conversation_id) for conversation_id in conversation_ids]
        heads = map(head_from_item, parallel_batch_get(self._table, self._gather, keys))
        return {head.conversation_id: head for head in heads}

    def finalize_creation(self, conversation_id: str) -> None:
        """Complete a creation in several steps."""
        finalize(self._dynamo, self._table, conversation_id)

    def clear_departed(self, conversation_id: str, participant_id: str, event: int) -> None:
        """Remove a departed member from the head."""
        entry = f"#departed.#{departed_key(participant_id)}"
        self._table.try_update(
            *head_key(conversation_id), f"REMOVE {entry}", f"{entry}.#event = :event", event=event
        )

    def event(self, conversation_id: str, sequence_id: int) -> StoredEvent | None:
        """Return an event."""
        item = self._table.get(*event_key(conversation_id, sequence_id))
        return None if item is None else event_from_item(item)

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterable[StoredEvent]:
        """Return the visible events from `first` to `last`, reading page after page."""
        if first > last:
            return
        between = (event_sk(first), event_sk(last))
        pk = conversation_pk(conversation_id)
        for item in self._table.query(pk, between=between, descending=descending):
            yield event_from_item(item)

    def events_by_id(self, conversation_id: str, sequence_ids: Sequence[int]) -> list[StoredEvent]:
        """Return events by their sequence ids.

        A batch as a unit is only read-committed with respect to transactions: should it miss an event that the
        head or its message has shown, GetItem reads it.
        """
        keys = [event_key(conversation_id, sequence_id) for sequence_id in sequence_ids]
        items = parallel_batch_get(self._table, self._gather, keys)
        if len(items) < len(keys):
            found = {item["sk"] for item in items}
            reads = [functools.partial(self._table.get, *key) for key in keys if key[1] not in found]
            items += [item for item in self._gather(*reads) if item is not None]
        return [event_from_item(item) for item in items]

    def commit(self, commit: Commit) -> None:
        """Append in one transaction."""
        append(self._dynamo, self._table, commit)
        for message in commit.messages:
            if message.member.other is not None:
                note_actor(self._table, message.member, sender_changes(message))

    # ---- messages before they are in the log -----------------------------------------------------------

    def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        """Return the record of a message that is in the log."""
        item = self._table.get(*idempotency_record_key(idempotency_hash(key)))
        return None if item is None else idempotency_record_from_item(item)

    def enqueue(self, queued: QueuedRun) -> None:
        """Put a run of messages into the queue of its conversation."""
        self._table.put(queued_run_to_item(queued))

    def queued_runs(self, conversation_id: str, limit: int) -> list[QueuedRun]:
        """Return the oldest runs of the queue, expired ones included: a leader removes them."""
        pk = queue_pk(conversation_id)
        items = self._table.query(pk, between=ALL_RUNS, limit=limit, include_expired=True)
        return [queued_run_from_item(conversation_id, item) for item in items]

    def queue_front(self, conversation_id: str) -> QueueFront:
        """Return the lease and the oldest run of the queue: the first two items of its partition."""
        items = self._table.query(queue_pk(conversation_id), limit=2, include_expired=True)
        is_expired = self._dynamo.is_expired
        return queue_front_from_items([item for item in items if item["sk"] != LEASE or not is_expired(item)])

    def take_lease(self, conversation_id: str, lease: QueueLease, previous: QueueLease | None) -> bool:
        """Store a lease in place of `previous`, or of one that has expired."""
        item = queue_lease_to_item(conversation_id, lease)
        changes = ", ".join(f"#{name} = :{name}" for name in item if name not in ("pk", "sk"))
        values = {name: value for name, value in item.items() if name not in ("pk", "sk")}
        is_absent = "attribute_not_exists(#pk) OR #expires_at <= :now"
        if previous is None:
            condition, values["now"] = is_absent, self._dynamo.now
        else:
            condition, values["seen"] = "#until = :seen", previous.until
        return self._table.try_update(item["pk"], item["sk"], f"SET {changes}", condition, **values)

    def dequeue(self, conversation_id: str, queue_id: str) -> bool:
        """Remove a run from the queue; return whether it was there."""
        return self._table.delete(queue_pk(conversation_id), queue_id) is not None

    # ---- reactions -------------------------------------------------------------------------------------

    def reaction(self, conversation_id: str, target: int, participant_id: str, emoji: str) -> Reaction | None:
        """Return a participant's reaction to a message."""
        item = self._table.get(*reaction_key(conversation_id, target, participant_id, emoji))
        return None if item is None else reaction_from_item(item)

    def own_reactions(
        self, participant_id: str, reactions: Collection[tuple[str, int, str]]
    ) -> set[tuple[str, int, str]]:
        """Return those of these reactions (conversation id, target, emoji) that the participant has added."""
        keys = {
            reaction_key(conversation_id, target, participant_id, emoji): (conversation_id, target, emoji)
            for conversation_id, target, emoji in reactions
        }
        return {keys[item["pk"], item["sk"]] for item in parallel_batch_get(self._table, self._gather, list(keys))}

    def reactions(
        self,
        conversation_id: str,
        target: int,
        *,
        emoji: str | None,
        after: str | None,
        limit: int,
    ) -> tuple[list[Reaction], str | None]:
        """Return a page of the reactions to a message; `after` is a sort key without the message's prefix."""
        message_prefix = reaction_prefix(target)
        prefix = reaction_prefix(target, emoji)
        first, last = max(prefix, sk_after(f"{message_prefix}{after or ''}")), sk_up_to(prefix)
        if first > last:
            return [], None
        pk = conversation_pk(conversation_id)
        items = list(self._table.query(pk, between=(first, last), limit=limit + 1))
        page = items[:limit]
        next_after = page[-1]["sk"].removeprefix(message_prefix) if len(items) > limit else None
        return [reaction_from_item(item) for item in page], next_after

    def delete_reactions(self, conversation_id: str, target: int, limit: int) -> bool:
        """Delete up to `limit` reactions to a message; return whether none is left."""
        return delete_reactions(self._table, conversation_id, target, limit)


def delete_reactions(table: Table, conversation_id: str, target: int, limit: int) -> bool:
    """Delete up to `limit` reactions to a message that lost its content; return whether none is left.

    The readers ignore those that a crash leaves.
    """
    pk = conversation_pk(conversation_id)
    items = list(table.query(pk, prefix=reaction_prefix(target), limit=limit))
    table.batch_delete([(pk, item["sk"]) for item in items])
    return len(items) < limit


def delete_all_reactions(table: Table, conversation_id: str, target: int) -> None:
    """Delete all reactions to a message that lost its content."""
    while not delete_reactions(table, conversation_id, target, REACTION_BATCH):
        pass
