"""The conversations table: reading, appending, queueing, and a conversation's life from creation to purge.

What lies where is in `conversation_items.py`, what an append writes in `append.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.aws.dynamodb import conversation_items as stored
from chalicelib.aws.dynamodb import erasure_items as erasure
from chalicelib.aws.dynamodb.append import AppendTransaction, put_purge_op, require_member_op
from chalicelib.aws.dynamodb.table import (
    MAX_BATCH_GET,
    MAX_TRANSACTION,
    ConditionFailed,
    Dynamo,
    Item,
    Operation,
    TransactionCancelled,
    chunks,
)
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.conversations import (
    ConversationDetails,
    ConversationState,
    Head,
    Membership,
    PastMembership,
)
from chalicelib.core.model.events import Event, Reaction, StoredEvent
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedMessage
from chalicelib.core.model.privacy import RetentionCheck
from chalicelib.core.ports.commits import Commit, NewConversation, PreconditionFailed, Purge, WriteConflict

PROVISIONAL_TTL = 24 * 3600


class DynamoConversations:
    """`core.ports.ConversationStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)
        self._gather = gather

    # ---- reading ---------------------------------------------------------------------------------------

    def head(self, conversation_id: str) -> Head | None:
        """Where the log ends."""
        item = self._table.get(stored.conversation_pk(conversation_id), "HEAD")
        return None if item is None else stored.head(item)

    def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """The heads of those that are there, 100 a request, the requests at the same time."""
        items = self._batch_get([(stored.conversation_pk(each), "HEAD") for each in conversation_ids])
        return {head.conversation_id: head for head in map(stored.head, items)}

    def details(self, conversation_id: str) -> ConversationDetails | None:
        """What is said about the conversation."""
        item = self._table.get(stored.conversation_pk(conversation_id), "INFO")
        return None if item is None else stored.details(item)

    def membership(self, conversation_id: str, participant_id: str) -> Membership | None:
        """The person's place in the conversation."""
        item = self._table.get(*stored.member_key(conversation_id, participant_id))
        return None if item is None else stored.membership(item)

    def memberships(self, conversation_ids: Sequence[str], participant_id: str) -> dict[str, Membership]:
        """The person's places in these conversations."""
        items = self._batch_get([stored.member_key(each, participant_id) for each in conversation_ids])
        return {member.conversation_id: member for member in map(stored.membership, items)}

    def memberships_in(self, conversation_id: str, participant_ids: Sequence[str]) -> dict[str, Membership]:
        """The places of these people in one conversation."""
        items = self._batch_get([stored.member_key(conversation_id, each) for each in participant_ids])
        return {member.participant_id: member for member in map(stored.membership, items)}

    def memberships_of(self, participant_id: str) -> list[Membership]:
        """All the person's places."""
        return [stored.membership(item) for item in self._table.query(f"U#{participant_id}", prefix="C#")]

    def roster(self, conversation_id: str) -> list[Membership]:
        """Who is in, longest-standing first."""
        items = self._table.query(stored.conversation_pk(conversation_id), prefix="P#")
        members = [stored.membership(item) for item in items]
        return sorted(members, key=lambda member: (member.epoch, member.participant_id))

    def past_membership(self, conversation_id: str, participant_id: str) -> PastMembership | None:
        """What is kept of somebody who was in before."""
        item = self._table.get(stored.conversation_pk(conversation_id), f"L#{participant_id}")
        return None if item is None else stored.past_membership(item)

    def event(self, conversation_id: str, sequence_id: int) -> StoredEvent | None:
        """One event."""
        item = self._table.get(stored.conversation_pk(conversation_id), stored.event_sk(sequence_id))
        return None if item is None else stored.event(item)

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterable[StoredEvent]:
        """The events from `first` to `last` as far as they are visible."""
        if first > last:
            return
        for item in self._table.query(
            stored.conversation_pk(conversation_id),
            between=(stored.event_sk(first), stored.event_sk(last)),
            descending=descending,
        ):
            yield stored.event(item)

    def events_by_id(self, conversation_id: str, sequence_ids: Sequence[int]) -> list[StoredEvent]:
        """These events."""
        pk = stored.conversation_pk(conversation_id)
        return [stored.event(item) for item in self._batch_get([(pk, stored.event_sk(n)) for n in sequence_ids])]

    def load_summaries(self, heads: Sequence[Head]) -> tuple[dict[str, ConversationDetails], dict[str, Event]]:
        """What is said about these conversations, and each one's newest message at present."""
        keys = [(stored.conversation_pk(head.conversation_id), "INFO") for head in heads] + [
            (stored.conversation_pk(head.conversation_id), stored.event_sk(head.last_message))
            for head in heads
            if head.last_message
        ]
        items = self._batch_get(keys)
        infos = [stored.details(item) for item in items if item["sk"] == "INFO"]
        events = [stored.event(item).current for item in items if item["sk"] != "INFO"]
        return (
            {info.conversation_id: info for info in infos},
            {event["conversation_id"]: event for event in events},
        )

    def _batch_get(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        calls = [
            _later(self._dynamo.batch_get, [(self._table.name, *each) for each in some])
            for some in chunks(keys, MAX_BATCH_GET)
        ]
        return [item for items in self._gather(*calls) for item in items]

    # ---- reactions -------------------------------------------------------------------------------------

    def reaction(self, conversation_id: str, target: int, participant_id: str, emoji: str) -> Reaction | None:
        """Somebody's reaction to a message."""
        sk = stored.reaction_sk(target, participant_id, emoji)
        item = self._table.get(stored.conversation_pk(conversation_id), sk)
        return None if item is None else stored.reaction(item)

    def reactions(
        self, conversation_id: str, target: int, *, emoji: str | None, after: str | None, limit: int
    ) -> tuple[list[Reaction], str | None]:
        """Who reacted to a message; a page begins behind what of a key follows the number of the message."""
        whole = stored.reaction_prefix(target)
        prefix = stored.reaction_prefix(target, emoji)
        # A blank behind a key is above it and below every other one; ~ is above all that begin like the prefix.
        first, last = max(prefix, f"{whole}{after or ''} "), f"{prefix}~"
        if first > last:
            return [], None
        pk = stored.conversation_pk(conversation_id)
        items = list(self._table.query(pk, between=(first, last), limit=limit + 1))
        page = items[:limit]
        following = page[-1]["sk"].removeprefix(whole) if len(items) > limit else None
        return [stored.reaction(item) for item in page], following

    def delete_reactions(self, conversation_id: str, target: int, limit: int) -> bool:
        """Remove reactions to a deleted message."""
        pk, prefix = stored.conversation_pk(conversation_id), stored.reaction_prefix(target)
        keys = [(self._table.name, pk, item["sk"]) for item in self._table.query(pk, prefix=prefix, limit=limit)]
        self._dynamo.batch_delete(keys)
        return len(keys) < limit

    # ---- appending -------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        """Append, in one transaction."""
        AppendTransaction(self._table, commit).execute(self._dynamo)

    # ---- sends, queued and recorded --------------------------------------------------------------------

    def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        """What came of a send."""
        item = self._table.get(f"K#{stored.idempotency_key_hash(key)}", "K")
        return None if item is None else stored.idempotency_record(item)

    def enqueue(self, queued: QueuedMessage) -> None:
        """Put a message into its conversation's queue."""
        self._table.put(stored.queued_message_item(queued))

    def queued_messages(self, conversation_id: str, limit: int) -> list[QueuedMessage]:
        """The oldest messages of a conversation's queue."""
        items = self._table.query(stored.queue_pk(conversation_id), limit=limit)
        return [stored.queued_message(conversation_id, item) for item in items]

    def dequeue(self, conversation_id: str, queue_id: str) -> bool:
        """Take a message out of the queue."""
        return self._table.delete(stored.queue_pk(conversation_id), queue_id) is not None

    # ---- a conversation's life -------------------------------------------------------------------------

    def create(self, new: NewConversation) -> bool:
        """Make a conversation: in one transaction if it fits; otherwise invisible until the last of several.

        In several: all items carry one `expires_at` until `settle` takes it away, so that what a crash leaves
        behind expires as a whole, visible or not.
        """
        members = new.members
        core = [
            stored.event_item(new.event, 0, None),
            stored.details_item(new.details),
            stored.head_item(new.head),
        ]
        visit = erasure.put_check_op(self._table, RetentionCheck(new.head.conversation_id, new.retention_check_at))
        if 3 * len(members) + len(core) + 1 <= MAX_TRANSACTION:
            self._create_members(members, [*(self._table.put_op(item) for item in core), visit])
            return True
        expires_at = self._dynamo.now + PROVISIONAL_TTL
        stamp = {"expires_at": expires_at}
        for some in chunks(members, MAX_TRANSACTION // 3):
            self._create_members(some, stamp=stamp)
        remains = put_purge_op(self._table, new.head.conversation_id, expires_at + PROVISIONAL_TTL)
        self._create_members((), [*(self._table.put_op(item | stamp) for item in core), remains, visit])
        return False

    def _create_members(
        self, members: Sequence[Membership], more: Sequence[Operation] = (), stamp: Item | None = None
    ) -> None:
        """Write one transaction of a creation. Raises WriteConflict, or PreconditionFailed for an erasure."""
        operations: list[Operation] = []
        for member in members:
            operations.append(erasure.require_not_erasing(self._table, member.participant_id))
            operations += [self._table.put_op(item | (stamp or {})) for item in stored.member_items(member)]
        try:
            self._dynamo.transact([*operations, *more])
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            erasing = [each.participant_id for index, each in enumerate(members) if cancelled.failed(3 * index)]
            raise PreconditionFailed(erasing=erasing) from cancelled

    def _transact(self, operations: Sequence[Operation]) -> None:
        """Write operations whose conditions fail only if they were applied before. Raises WriteConflict."""
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled

    def finalize_creation(self, conversation_id: str) -> None:
        """Take the expiry from all items of a creation in several steps; the head's last. Raises WriteConflict.

        Whoever began this and died leaves items that expire and others that do not any more. The note to clear
        them away, made with the head, goes with the head's expiry.
        """
        pk = stored.conversation_pk(conversation_id)
        head = self._table.get(pk, "HEAD")
        if head is None or "expires_at" not in head:
            return
        pending = [item for item in self._table.query(pk, prefix="P#") if "expires_at" in item]
        keys = [
            where
            for item in pending
            for where in (stored.member_key(conversation_id, item["participant_id"]), (pk, item["sk"]))
        ]
        for some in chunks(keys, MAX_TRANSACTION):
            self._transact(self._without_expiry(some))
        note = Purge(conversation_id, head["expires_at"] + PROVISIONAL_TTL)
        core = self._without_expiry([(pk, stored.event_sk(1)), (pk, "INFO"), (pk, "HEAD")])
        self._transact([*core, self._table.delete_op("PURGE", stored.purge_sk(note))])

    def _without_expiry(self, keys: Sequence[tuple[str, str]]) -> list[Operation]:
        return [self._table.update_op(*each, "REMOVE #expires_at", "attribute_exists(#pk)") for each in keys]

    def move_read_pointer(self, member: Membership, read_up_to: int, read_messages: int) -> bool:
        """Move it forward."""
        try:
            self._table.update(
                *stored.member_key(member.conversation_id, member.participant_id),
                "SET #read_up_to = :read_up_to, #read_message_count = :read_message_count",
                "#epoch = :epoch AND #read_up_to < :read_up_to",
                epoch=member.epoch,
                read_up_to=read_up_to,
                read_message_count=read_messages,
            )
        except ConditionFailed:
            return False
        return True

    def clear_departed(self, conversation_id: str, participant_id: str, event: int) -> None:
        """Drop the note that somebody went by this event."""
        entry = f"#departed.#{stored.departed_key(participant_id)}"
        try:
            self._table.update(
                stored.conversation_pk(conversation_id),
                "HEAD",
                f"REMOVE {entry}",
                f"{entry}.#event = :event",
                event=event,
            )
        except ConditionFailed:
            return

    def delete(self, owner: Membership, *, purge_at: int) -> bool:
        """Mark a live conversation as deleted."""
        try:
            self._dynamo.transact(
                [
                    self._table.update_op(
                        stored.conversation_pk(owner.conversation_id),
                        "HEAD",
                        "SET #state = :deleted",
                        "#state = :live",
                        deleted=ConversationState.DELETED.value,
                        live=ConversationState.LIVE.value,
                    ),
                    require_member_op(self._table, owner, role=True),
                    put_purge_op(self._table, owner.conversation_id, purge_at),
                ]
            )
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True

    def due_purges(self, now: int, limit: int) -> list[Purge]:
        """Conversations that are to be cleared away by now."""
        due = self._table.query("PURGE", between=("0", f"{now:012d}#~"), limit=limit)
        return [Purge(item["sk"].partition("#")[2], int(item["sk"].partition("#")[0])) for item in due]

    def purge(self, purge: Purge, limit: int) -> bool:
        """Remove about `limit` items, the head last, so that any crash leaves something to go on from."""
        pk = stored.conversation_pk(purge.conversation_id)
        head = self._table.get(pk, "HEAD")
        if head is not None and head["state"] == ConversationState.LIVE.value:
            # A live conversation is never cleared away, whatever a note says.
            self._table.delete("PURGE", stored.purge_sk(purge))
            return True
        items = [item for item in self._table.query(pk, limit=limit, expired=True) if item["sk"] != "HEAD"]
        items += self._table.query(stored.queue_pk(purge.conversation_id), limit=limit, expired=True)
        if not items:
            self._table.delete(pk, "HEAD")
            self._table.delete("PURGE", stored.purge_sk(purge))
            return True
        # What is found only by these items goes before them.
        found = [(f"K#{item['idempotency_key']}", "K") for item in items if "idempotency_key" in item]
        found += [
            stored.member_key(purge.conversation_id, item["participant_id"])
            for item in items
            if item["sk"].startswith("P#")
        ]
        found += [
            stored.footprint_key(purge.conversation_id, item["sk"].removeprefix("L#"))
            for item in items
            if item["sk"].startswith("L#")
        ]
        for keys in (found, [(item["pk"], item["sk"]) for item in items]):
            self._dynamo.batch_delete([(self._table.name, *each) for each in keys])
        return False


def _later(call: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: call(*arguments)
