"""The items of a log: its head, events, reactions, idempotency records and queued runs of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from chalicelib.aws.dynamodb.keys import (
    LEASE,
    departed_key,
    event_key,
    head_key,
    idempotency_record_key,
    queue_lease_key,
    queue_pk,
    reaction_key,
)
from chalicelib.aws.dynamodb.membership_items import queued_membership_attributes, queued_membership_from_item
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import Event, MessageState, Reaction, StoredEvent
from chalicelib.core.model.messages import (
    DraftMessage,
    IdempotencyKey,
    IdempotencyRecord,
    QueuedRun,
    QueueFront,
    QueueLease,
)

QUEUE_TTL = 3600
"""Seconds after which a queued run expires: its sender has long been given an error."""
_COMMON_FIELDS = frozenset({"conversation_id", "type", "sender"})


def head_to_item(head: Head) -> Item:
    """Return the item of a head."""
    pk, sk = head_key(head.conversation_id)
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": head.conversation_id,
        "sequence_id": head.sequence_id,
        "message_count": head.message_count,
        "last_message": head.last_message,
        "updated_at": head.updated_at,
        "active_at": head.active_at,
        "participant_count": head.participant_count,
        "roster_version": head.roster_version,
        "state": head.state.value,
        "departed": {
            departed_key(participant_id): {"participant_id": participant_id, "event": event}
            for participant_id, event in head.departed.items()
        },
        "contended_until": head.contended_until,
        "event_sizes": head.event_sizes,
        "direct": head.direct or None,
        "opener_messages": head.opener_messages or None,
        "blockers": {departed_key(blocker): blocker for blocker in head.blockers} if head.direct else None,
        "audited_at": head.audited_at or None,
    }


def head_from_item(item: Item) -> Head:
    """Return a head. It is provisional as long as its item expires."""
    return Head(
        conversation_id=item["conversation_id"],
        sequence_id=item["sequence_id"],
        message_count=item["message_count"],
        last_message=item["last_message"],
        updated_at=item["updated_at"],
        active_at=item["active_at"],
        participant_count=item["participant_count"],
        roster_version=item["roster_version"],
        state=ConversationState(item["state"]),
        departed={entry["participant_id"]: entry["event"] for entry in item["departed"].values()},
        contended_until=item["contended_until"],
        is_provisional="expires_at" in item,
        revision=item.get("revision", 0),
        expired_up_to=item.get("expired_up_to", 0),
        event_sizes=item.get("event_sizes", ""),
        direct=item.get("direct", ""),
        opener_messages=item.get("opener_messages", 0),
        blockers=frozenset(item.get("blockers", {}).values()),
        audited_at=item.get("audited_at", 0),
    )


def event_to_item(event: Event, message_count: int, idempotency_hash: str | None) -> Item:
    """Return the item of an event.

    `message_count` is the number of messages up to it, `idempotency_hash` leads to the record of a message.
    """
    pk, sk = event_key(event["conversation_id"], event["sequence_id"])
    return {
        "pk": pk,
        "sk": sk,
        "event": json_codec.dumps(event),
        "message_count": message_count,
        "idempotency_key": idempotency_hash,
    }


def event_from_item(item: Item) -> StoredEvent:
    """Return a stored event."""
    state = None if "state" not in item else _message_state(item["state"])
    return StoredEvent(json.loads(item["event"]), item["message_count"], state, item.get("deleted_by", 0))


def message_state_text(state: MessageState) -> str:
    """Return the `state` attribute of a message that was updated."""
    return json_codec.dumps(asdict(state))


def _message_state(text: str) -> MessageState:
    fields = json.loads(text)
    return MessageState(**fields | {"edits": tuple(fields["edits"])})


def reaction_to_item(conversation_id: str, reaction: Reaction) -> Item:
    """Return the item of a reaction."""
    pk, sk = reaction_key(conversation_id, reaction.target, reaction.participant_id, reaction.emoji)
    return {
        "pk": pk,
        "sk": sk,
        "target": reaction.target,
        "participant_id": reaction.participant_id,
        "emoji": reaction.emoji,
        "event_id": reaction.sequence_id,
    }


def reaction_from_item(item: Item) -> Reaction:
    """Return a reaction."""
    return Reaction(item["target"], item["participant_id"], item["emoji"], item["event_id"])


def idempotency_record_to_item(hashed: str, event: Event) -> Item:
    """Return the item of an idempotency record, by the hash of its key."""
    pk, sk = idempotency_record_key(hashed)
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": event["conversation_id"],
        "message_id": event["message_id"],
        "sequence_id": event["sequence_id"],
        "created_at": event["created_at"],
    }


def idempotency_record_from_item(item: Item) -> IdempotencyRecord:
    """Return an idempotency record."""
    return IdempotencyRecord(item["message_id"], item["sequence_id"], item["created_at"])


def queued_run_to_item(queued: QueuedRun) -> Item:
    """Return the item of a queued run, with everything that is needed to append it.

    A message is charged for it three times (put, and twice for the deletion in a transaction), so the
    fields that follow from key and member are left out: a queued message is not larger than its event.
    """
    member = queued_membership_attributes(queued.member)
    sender = queued.messages[0].event["sender"]
    del member["conversation_id"]
    return {
        "pk": queue_pk(queued.member.conversation_id),
        "sk": queued.queue_id,
        "queued_at": queued.queued_at,
        "drafts": json_codec.dumps([_draft(message) for message in queued.messages]),
        "sender_name": sender["name"],
        "sender_type": sender["type"] if sender["type"] != queued.member.type else None,
        "sender_via": sender.get("via"),
        "member": member,
        "expires_at": queued.queued_at // 1000 + QUEUE_TTL,
    }


def _draft(message: DraftMessage) -> dict[str, Any]:
    """Return a message without the fields that all messages of a run have in common."""
    draft = {name: value for name, value in message.event.items() if name not in _COMMON_FIELDS}
    if draft.get("client_message_id") != message.key.client_message_id:
        draft["key"] = message.key.client_message_id
    if message.seen is not None:
        draft["seen"] = message.seen
    return draft


def queued_run_from_item(conversation_id: str, item: Item) -> QueuedRun:
    """Return a queued run."""
    member = queued_membership_from_item({**item["member"], "conversation_id": conversation_id})
    entries = _entries(member, item) if "drafts" in item else json.loads(item["messages"])
    messages = [
        DraftMessage(
            entry["event"], IdempotencyKey(conversation_id, member.participant_id, entry["key"]), entry.get("seen")
        )
        for entry in entries
    ]
    return QueuedRun(item["sk"], item["queued_at"], messages, member)


def _entries(member: Membership, item: Item) -> Iterator[dict[str, Any]]:
    """Yield the whole events and the keys of drafts, as a function of version 0.2.0 queues them."""
    sender = {
        "participant_id": member.participant_id,
        "name": item["sender_name"],
        "type": item.get("sender_type", member.type),
        **({"via": item["sender_via"]} if "sender_via" in item else {}),
    }
    for draft in json.loads(item["drafts"]):
        key = draft.pop("key", None) or draft["client_message_id"]
        seen = draft.pop("seen", None)
        common = {"conversation_id": member.conversation_id, "type": "message"}
        event = {**common, "created_at": draft["created_at"], "sender": sender, **draft}
        yield {"event": event, "key": key, "seen": seen}


def queue_lease_to_item(conversation_id: str, lease: QueueLease) -> Item:
    """Return the item of a queue's lease."""
    pk, sk = queue_lease_key(conversation_id)
    return {
        "pk": pk,
        "sk": sk,
        "holder": lease.holder,
        "until": lease.until,
        "tat": lease.tat,
        "expires_at": lease.until // 1000 + QUEUE_TTL,
    }


def queue_front_from_items(items: Sequence[Item]) -> QueueFront:
    """Return the front of a queue, from its first two items."""
    lease = None
    for item in items:
        if item["sk"] != LEASE:
            return QueueFront(lease, item["sk"], item["queued_at"])
        lease = QueueLease(item["holder"], item["until"], item["tat"])
    return QueueFront(lease, None)
