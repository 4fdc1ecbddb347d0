"""The items of the conversations table, and back: where each lies and what stands in it.

    pk                  sk                    one item each
    C#<conversation>    HEAD                  where the log ends; every append moves it by condition
    C#<conversation>    INFO                  title, policy, metadata
    C#<conversation>    E#<sequence id>       event; for a message that was changed also what it is now
    C#<conversation>    R#<sequence id>#<emoji>#<participant>  reaction to a message, both hashed
    C#<conversation>    P#<participant>       participant, as the others see them
    C#<conversation>    L#<participant>       read pointer of somebody who left; a mute, if it lasts
    C#<conversation>    B#<participant>       ban, the id hashed
    C#<conversation>    I#<hash>              invite, by a digest of its secret
    C#<conversation>    A#<sequence id>#…     entry of the audit
    U#<participant>     C#<conversation>      membership: the truth about who may, and the read pointer
    U#<participant>     F#<conversation>      that the conversation holds something about somebody not in it
    K#<hash>            K                     a send that is in the log
    Q#<conversation>    <time>#<random>       a message waiting in the queue of a crowded conversation
    C#<conversation>    RETENTION             how far removing contents past retention has got
    PURGE               <due>#<conversation>  a conversation to be cleared away
    RETENTION           <due>#<conversation>  a conversation to be looked at for contents past retention
    J#<hash>            JOB                   erasure of a person, by a digest of their id
    JOBS                <time>#<hash>         an erasure that is not done

Participant ids may hold any visible ASCII character. They stand only at the end of a key behind a
constant prefix, or within a hash over length-prefixed parts, so that none can be taken for another's.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict

from chalicelib.aws.dynamodb.table import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.conversations import (
    ConversationDetails,
    ConversationState,
    Head,
    Membership,
    PastMembership,
)
from chalicelib.core.model.events import Event, MessageState, Reaction, StoredEvent
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedMessage
from chalicelib.core.ports.commits import Purge

QUEUE_TTL = 3600


def conversation_pk(conversation_id: str) -> str:
    """The partition of a conversation."""
    return f"C#{conversation_id}"


def member_key(conversation_id: str, participant_id: str) -> tuple[str, str]:
    """Where a membership lies."""
    return f"U#{participant_id}", f"C#{conversation_id}"


def idempotency_key_hash(key: IdempotencyKey) -> str:
    """A send's key, of fixed length, and telling nobody who sent it."""
    parts = (key.conversation_id, key.participant_id, key.client_message_id)
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def departed_key(participant_id: str) -> str:
    """Where a person's going is noted in the head; hashed, so that it has a length and no special characters."""
    return hashlib.sha256(participant_id.encode()).hexdigest()[:32]


def event_sk(sequence_id: int) -> str:
    """Where an event lies within its conversation; as text it sorts by number."""
    return f"E#{sequence_id:016d}"


def queue_pk(conversation_id: str) -> str:
    """The partition of a conversation's queue."""
    return f"Q#{conversation_id}"


def purge_sk(purge: Purge) -> str:
    """A note to clear away; as text they sort by when they are due."""
    return f"{purge.due_at:012d}#{purge.conversation_id}"


def event_item(event: Event, message_count: int, idempotency_key: str | None) -> Item:
    """An event; `messages` is how many messages there are up to it, `send_key` the hash of its sending's key."""
    return {
        "pk": conversation_pk(event["conversation_id"]),
        "sk": event_sk(event["sequence_id"]),
        "event": json_codec.dumps(event),
        "message_count": message_count,
        "idempotency_key": idempotency_key,
    }


def event(item: Item) -> StoredEvent:
    """An event as it is kept."""
    kept = None if "state" not in item else message_state(item["state"])
    return StoredEvent(json.loads(item["event"]), item["message_count"], kept, item.get("deleted_by", 0))


def message_state_text(state: MessageState) -> str:
    """What became of a message, as text."""
    return json_codec.dumps(asdict(state))


def message_state(text: str) -> MessageState:
    """What became of a message."""
    fields = json.loads(text)
    return MessageState(**fields | {"edits": tuple(fields["edits"])})


def reaction_prefix(target: int, emoji: str | None = None) -> str:
    """Where the reactions to a message lie, or those with one emoji."""
    prefix = f"R#{target:016d}#"
    return prefix if emoji is None else f"{prefix}{_hashed(emoji)}#"


def reaction_sk(target: int, participant_id: str, emoji: str) -> str:
    """Where somebody's reaction lies."""
    return reaction_prefix(target, emoji) + _hashed(participant_id)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def reaction_item(conversation_id: str, reaction: Reaction) -> Item:
    """Somebody's reaction to a message."""
    return {
        "pk": conversation_pk(conversation_id),
        "sk": reaction_sk(reaction.target, reaction.participant_id, reaction.emoji),
        "target": reaction.target,
        "participant_id": reaction.participant_id,
        "emoji": reaction.emoji,
        "event_id": reaction.sequence_id,
    }


def reaction(item: Item) -> Reaction:
    """Somebody's reaction to a message."""
    return Reaction(item["target"], item["participant_id"], item["emoji"], item["event_id"])


def head_item(head: Head) -> Item:
    """Where the log ends."""
    return {
        "pk": conversation_pk(head.conversation_id),
        "sk": "HEAD",
        "conversation_id": head.conversation_id,
        "sequence_id": head.sequence_id,
        "message_count": head.message_count,
        "last_message": head.last_message,
        "updated_at": head.updated_at,
        "participant_count": head.participant_count,
        "roster_version": head.roster_version,
        "state": head.state.value,
        "departed": {
            departed_key(each): {"participant_id": each, "event": at} for each, at in head.departed.items()
        },
        "contended_until": head.contended_until,
    }


def head(item: Item) -> Head:
    """Where the log ends."""
    return Head(
        conversation_id=item["conversation_id"],
        sequence_id=item["sequence_id"],
        message_count=item["message_count"],
        last_message=item["last_message"],
        updated_at=item["updated_at"],
        participant_count=item["participant_count"],
        roster_version=item["roster_version"],
        state=ConversationState(item["state"]),
        departed={each["participant_id"]: each["event"] for each in item["departed"].values()},
        contended_until=item["contended_until"],
        is_provisional="expires_at" in item,
        revision=item.get("revision", 0),
        expired_up_to=item.get("expired_up_to", 0),
    )


def details_item(info: ConversationDetails) -> Item:
    """What is said about the conversation."""
    return {
        "pk": conversation_pk(info.conversation_id),
        "sk": "INFO",
        "conversation_id": info.conversation_id,
        "title": info.title,
        "join_policy": info.join_policy,
        "metadata": json_codec.dumps(info.metadata),
        "created_at": info.created_at,
        "created_by": info.created_by,
        "retention_days": info.retention_days,
    }


def details(item: Item) -> ConversationDetails:
    """What is said about the conversation."""
    return ConversationDetails(
        conversation_id=item["conversation_id"],
        title=item["title"],
        join_policy=item["join_policy"],
        metadata=json.loads(item["metadata"]),
        created_at=item["created_at"],
        created_by=item["created_by"],
        retention_days=item.get("retention_days"),
    )


def member_items(member: Membership) -> tuple[Item, Item]:
    """The membership itself, and the participant as the others see them."""
    pk, sk = member_key(member.conversation_id, member.participant_id)
    seen = {
        "conversation_id": member.conversation_id,
        "participant_id": member.participant_id,
        "name": member.name,
        "type": member.type,
        "role": member.role,
        "joined_at": member.joined_at,
        "epoch": member.epoch,
        "muted_until": member.muted_until or None,
    }
    pointer = {"read_up_to": member.read_up_to, "read_message_count": member.read_message_count}
    return (
        {"pk": pk, "sk": sk} | seen | pointer,
        {"pk": conversation_pk(member.conversation_id), "sk": f"P#{member.participant_id}"} | seen,
    )


def membership(item: Item) -> Membership:
    """A membership, or a participant as the others see them, without a read pointer."""
    return Membership(
        conversation_id=item["conversation_id"],
        participant_id=item["participant_id"],
        name=item["name"],
        type=item["type"],
        role=item["role"],
        joined_at=item["joined_at"],
        epoch=item["epoch"],
        read_up_to=item.get("read_up_to", 0),
        read_message_count=item.get("read_message_count", 0),
        muted_until=item.get("muted_until", 0),
    )


def footprint_key(conversation_id: str, participant_id: str) -> tuple[str, str]:
    """Where it is noted that a conversation holds something about somebody who is not in it."""
    return f"U#{participant_id}", f"F#{conversation_id}"


def footprint_item(conversation_id: str, participant_id: str) -> Item:
    """That note."""
    pk, sk = footprint_key(conversation_id, participant_id)
    return {"pk": pk, "sk": sk, "conversation_id": conversation_id, "participant_id": participant_id}


def past_membership_item(member: Membership) -> Item:
    """What is kept of somebody's place when they leave."""
    return {
        "pk": conversation_pk(member.conversation_id),
        "sk": f"L#{member.participant_id}",
        "read_up_to": member.read_up_to,
        "read_message_count": member.read_message_count,
        "muted_until": member.muted_until or None,
    }


def past_membership(item: Item) -> PastMembership | None:
    """What is kept of somebody's place; None of somebody who never had one."""
    if "read_up_to" not in item:
        return None
    return PastMembership(item["read_up_to"], item["read_message_count"], item.get("muted_until", 0))


def idempotency_record(item: Item) -> IdempotencyRecord:
    """What came of a send."""
    return IdempotencyRecord(item["message_id"], item["sequence_id"], item["created_at"])


def queued_message_item(queued: QueuedMessage) -> Item:
    """A message that waits, with all that its leader needs to append it."""
    member, _ = member_items(queued.member)
    return {
        "pk": queue_pk(queued.member.conversation_id),
        "sk": queued.queue_id,
        "queued_at": queued.queued_at,
        "event": json_codec.dumps(queued.event),
        "member": {name: member[name] for name in member if name not in ("pk", "sk")},
        "client_message_id": queued.key.client_message_id,
        "expires_at": queued.queued_at // 1000 + QUEUE_TTL,
    }


def queued_message(conversation_id: str, item: Item) -> QueuedMessage:
    """A message that waits."""
    member = membership(item["member"])
    return QueuedMessage(
        queue_id=item["sk"],
        queued_at=item["queued_at"],
        event=json.loads(item["event"]),
        member=member,
        key=IdempotencyKey(conversation_id, member.participant_id, item["client_message_id"]),
    )
