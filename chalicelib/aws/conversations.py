"""The conversations table: conversations, who is in them, what was said, and what makes sends idempotent.

    pk                  sk                    one item each
    C#<conversation>    HEAD                  where the log ends; every append moves it by condition
    C#<conversation>    INFO                  title, policy, metadata
    C#<conversation>    E#<sequence id>       event
    C#<conversation>    P#<participant>       participant, as the others see them
    C#<conversation>    L#<participant>       read pointer of somebody who left
    U#<participant>     C#<conversation>      membership: the truth about who may, and the read pointer
    K#<hash>            K                     a send that is in the log
    Q#<conversation>    <time>#<random>       a message waiting in the queue of a crowded conversation
    PURGE               <due>#<conversation>  a conversation to be cleared away

Participant ids may hold any visible ASCII character. They stand only at the end of a key behind a
constant prefix, or within a hash over length-prefixed parts, so that none can be taken for another's.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.core import json_text
from chalicelib.core.model import Event, Head, Info, Membership, SendKey, SendRecord, State
from chalicelib.core.ports import Commit, Contended, Creation, Gather, HeadMoved, Purge, Queued, Refused, Send

from .dynamo import (
    MAX_BATCH_GET,
    MAX_TRANSACTION,
    ConditionFailed,
    Dynamo,
    Item,
    Operation,
    TransactionCancelled,
    chunks,
    returning_old,
)

UNSETTLED_SECONDS = 24 * 3600
QUEUED_SECONDS = 3600
_LIVE_AT = "#sequence_id = :old AND #state = :live"


def conversation_pk(conversation_id: str) -> str:
    """The partition of a conversation."""
    return f"C#{conversation_id}"


def member_key(conversation_id: str, participant_id: str) -> tuple[str, str]:
    """Where a membership lies."""
    return f"U#{participant_id}", f"C#{conversation_id}"


class DynamoConversations:
    """`core.ports.ConversationStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)
        self._gather = gather

    # ---- reading ---------------------------------------------------------------------------------------

    def head(self, conversation_id: str) -> Head | None:
        """Where the log ends."""
        item = self._table.get(conversation_pk(conversation_id), "HEAD")
        return None if item is None else _head(item)

    def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """The heads of those that are there, 100 a request, the requests at the same time."""
        items = self._batch_get([(conversation_pk(each), "HEAD") for each in conversation_ids])
        return {head.conversation_id: head for head in map(_head, items)}

    def info(self, conversation_id: str) -> Info | None:
        """What is said about the conversation."""
        item = self._table.get(conversation_pk(conversation_id), "INFO")
        return None if item is None else _info(item)

    def membership(self, conversation_id: str, participant_id: str) -> Membership | None:
        """The person's place in the conversation."""
        item = self._table.get(*member_key(conversation_id, participant_id))
        return None if item is None else _membership(item)

    def memberships(self, conversation_ids: Sequence[str], participant_id: str) -> dict[str, Membership]:
        """The person's places in these conversations."""
        items = self._batch_get([member_key(each, participant_id) for each in conversation_ids])
        return {member.conversation_id: member for member in map(_membership, items)}

    def members(self, conversation_id: str, participant_ids: Sequence[str]) -> dict[str, Membership]:
        """The places of these people in one conversation."""
        items = self._batch_get([member_key(conversation_id, each) for each in participant_ids])
        return {member.participant_id: member for member in map(_membership, items)}

    def memberships_of(self, participant_id: str) -> list[Membership]:
        """All the person's places."""
        return [_membership(item) for item in self._table.query(f"U#{participant_id}", prefix="C#")]

    def roster(self, conversation_id: str) -> list[Membership]:
        """Who is in, longest-standing first."""
        members = [_membership(item) for item in self._table.query(conversation_pk(conversation_id), prefix="P#")]
        return sorted(members, key=lambda member: (member.epoch, member.participant_id))

    def former(self, conversation_id: str, participant_id: str) -> tuple[int, int] | None:
        """The read pointer of somebody who was in before."""
        item = self._table.get(conversation_pk(conversation_id), f"L#{participant_id}")
        return None if item is None else (item["read_up_to"], item["read_messages"])

    def event(self, conversation_id: str, sequence_id: int) -> tuple[Event, int] | None:
        """One event, and how many of the events up to it are messages."""
        item = self._table.get(conversation_pk(conversation_id), _event_sk(sequence_id))
        return None if item is None else _event(item)

    def events(
        self, conversation_id: str, first: int, last: int, *, descending: bool = False
    ) -> Iterable[tuple[Event, int]]:
        """The events from `first` to `last` as far as they are visible."""
        if first > last:
            return
        for item in self._table.query(
            conversation_pk(conversation_id),
            between=(_event_sk(first), _event_sk(last)),
            descending=descending,
        ):
            yield _event(item)

    def page(self, heads: Sequence[Head]) -> tuple[dict[str, Info], dict[str, Event]]:
        """What is said about these conversations, and each one's newest message."""
        keys = [(conversation_pk(head.conversation_id), "INFO") for head in heads] + [
            (conversation_pk(head.conversation_id), _event_sk(head.last_message))
            for head in heads
            if head.last_message
        ]
        items = self._batch_get(keys)
        infos = [_info(item) for item in items if item["sk"] == "INFO"]
        events = [_event(item)[0] for item in items if item["sk"] != "INFO"]
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

    # ---- appending -------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        """Append, in one transaction. What did not hold is told apart by the place of each operation."""
        writes = _Writes()
        writes.add(self._move_head(commit), "head")
        for event in commit.events:
            writes.add(self._put_event(event, commit.new.messages), "head")
        for index, send in enumerate(commit.sends):
            self._add_send(writes, commit, index, send)
        for member, event in _latest_send_of_each(commit.sends).values():
            writes.add(self._move_own_pointer(member, event, commit), ("member", member.participant_id))
        if commit.guard is not None:
            writes.add(self.check_member(commit.guard, role=True), ("member", commit.guard.participant_id))
        self._add_roster_changes(writes, commit)
        if commit.info is not None:
            writes.add(self._table.put_op(_info_item(commit.info)), None)
        if commit.purge_at is not None:
            writes.add(self._put_purge(commit.new.conversation_id, commit.purge_at), None)
        writes.run(self._dynamo)

    def _move_head(self, commit: Commit) -> Operation:
        old, new = commit.old, commit.new
        pk = conversation_pk(new.conversation_id)
        change = (
            "SET #sequence_id = :new, #messages = :messages, #last_message = :last_message,"
            " #updated_at = :updated_at, #participants = :participants, #roster_version = :roster_version,"
            " #state = :state, #crowded_until = :crowded_until"
        )
        values: dict[str, Any] = {}
        for index, (participant_id, event) in enumerate(
            (each, event) for each, event in new.gone.items() if old.gone.get(each) != event
        ):
            # The person's id stands hashed: a map key has no prefix to keep it apart, and no length to spare.
            change += f", #gone.#{_gone_key(participant_id)} = :gone{index}"
            values[f"gone{index}"] = {"participant_id": participant_id, "event": event}
        return returning_old(
            self._table.update_op(
                pk,
                "HEAD",
                change,
                _LIVE_AT,
                old=old.sequence_id,
                live=State.LIVE.value,
                new=new.sequence_id,
                messages=new.messages,
                last_message=new.last_message,
                updated_at=new.updated_at,
                participants=new.participants,
                roster_version=new.roster_version,
                state=new.state.value,
                crowded_until=new.crowded_until,
                **values,
            )
        )

    def _put_event(self, event: Event, messages: int, send_key: str | None = None) -> Operation:
        item = _event_item(event, messages, send_key)
        return self._table.put_op(item, "attribute_not_exists(#pk)")

    def _add_send(self, writes: _Writes, commit: Commit, index: int, send: Send) -> None:
        ordinal = commit.old.messages + index + 1
        hashed = None if send.key is None else send_key_hash(send.key)
        writes.add(self._put_event(send.event, ordinal, hashed), "head")
        if hashed is not None:
            record = {
                "pk": f"K#{hashed}",
                "sk": "K",
                "conversation_id": commit.new.conversation_id,
                "message_id": send.event["message_id"],
                "sequence_id": send.event["sequence_id"],
                "created_at": send.event["created_at"],
            }
            writes.add(returning_old(self._table.put_op(record, "attribute_not_exists(#pk)")), ("repeat", index))
        if send.queued_as is not None:
            writes.add(
                self._table.delete_op(
                    _queue_pk(commit.new.conversation_id), send.queued_as, "attribute_exists(#pk)"
                ),
                ("queue", index),
            )

    def _move_own_pointer(self, member: Membership, event: Event, commit: Commit) -> Operation:
        # No condition that it only rises: the event is the newest of all, no pointer can be beyond it.
        return self._table.update_op(
            *member_key(member.conversation_id, member.participant_id),
            "SET #read_up_to = :read_up_to, #read_messages = :read_messages",
            "#epoch = :epoch",
            epoch=member.epoch,
            read_up_to=event["sequence_id"],
            read_messages=commit.old.messages
            + sum(1 for send in commit.sends if send.event["sequence_id"] <= event["sequence_id"]),
        )

    def check_member(self, member: Membership, *, role: bool = False) -> Operation:
        """Within a transaction: the membership is still the same one (and the role, if that matters)."""
        condition, values = "#epoch = :epoch", {"epoch": member.epoch}
        return self._table.check_op(
            *member_key(member.conversation_id, member.participant_id),
            condition + " AND #role = :role" if role else condition,
            **(values | {"role": member.role} if role else values),
        )

    def _add_roster_changes(self, writes: _Writes, commit: Commit) -> None:
        table, pk = self._table, conversation_pk(commit.new.conversation_id)
        for member in commit.joining:
            what = ("member", member.participant_id)
            for item in _member_items(member):
                writes.add(table.put_op(item, "attribute_not_exists(#pk)"), what)
            writes.add(table.delete_op(pk, f"L#{member.participant_id}"), None)
        for member in commit.leaving:
            what = ("member", member.participant_id)
            where = member_key(member.conversation_id, member.participant_id)
            # The pointer, too: one that is moved meanwhile must not be lost for a later return.
            unchanged = "#epoch = :epoch AND #read_up_to = :read_up_to"
            writes.add(table.delete_op(*where, unchanged, epoch=member.epoch, read_up_to=member.read_up_to), what)
            writes.add(table.delete_op(pk, f"P#{member.participant_id}"), None)
            former = {
                "pk": pk,
                "sk": f"L#{member.participant_id}",
                "read_up_to": member.read_up_to,
                "read_messages": member.read_messages,
            }
            writes.add(table.put_op(former), None)
        for member, role in commit.changing_role:
            what = ("member", member.participant_id)
            for where in (
                member_key(member.conversation_id, member.participant_id),
                (pk, f"P#{member.participant_id}"),
            ):
                writes.add(
                    table.update_op(*where, "SET #role = :role", "#epoch = :epoch", role=role, epoch=member.epoch),
                    what,
                )

    # ---- sends, queued and recorded --------------------------------------------------------------------

    def record(self, key: SendKey) -> SendRecord | None:
        """What came of a send."""
        item = self._table.get(f"K#{send_key_hash(key)}", "K")
        return None if item is None else _record(item)

    def enqueue(self, queued: Queued) -> None:
        """Put a message into its conversation's queue."""
        member, _ = _member_items(queued.member)
        self._table.put(
            {
                "pk": _queue_pk(queued.member.conversation_id),
                "sk": queued.queue_id,
                "queued_at": queued.queued_at,
                "event": json_text.dumps(queued.event),
                "member": {name: member[name] for name in member if name not in ("pk", "sk")},
                "client_message_id": queued.key.client_message_id,
                "expires_at": queued.queued_at // 1000 + QUEUED_SECONDS,
            }
        )

    def queue(self, conversation_id: str, limit: int) -> list[Queued]:
        """The oldest messages of a conversation's queue."""
        return [
            _queued(conversation_id, item) for item in self._table.query(_queue_pk(conversation_id), limit=limit)
        ]

    def withdraw(self, conversation_id: str, queue_id: str) -> bool:
        """Take a message out of the queue."""
        return self._table.delete(_queue_pk(conversation_id), queue_id) is not None

    # ---- a conversation's life -------------------------------------------------------------------------

    def create(self, creation: Creation) -> bool:
        """Make a conversation: in one transaction if it fits; otherwise invisible until the last of several.

        In several: all items carry one `expires_at` until `settle` takes it away, so that what a crash leaves
        behind expires as a whole, visible or not.
        """
        members = [item for member in creation.members for item in _member_items(member)]
        core = [
            _event_item(creation.event, 0, None),
            _info_item(creation.info),
            _head_item(creation.head),
        ]
        if len(members) + len(core) <= MAX_TRANSACTION:
            self._transact([self._table.put_op(item) for item in (*members, *core)])
            return True
        expires_at = self._dynamo.now + UNSETTLED_SECONDS
        stamp = {"expires_at": expires_at}
        for some in chunks(members, MAX_TRANSACTION):
            self._transact([self._table.put_op(item | stamp) for item in some])
        remains = self._put_purge(creation.head.conversation_id, expires_at + UNSETTLED_SECONDS)
        self._transact([*(self._table.put_op(item | stamp) for item in core), remains])
        return False

    def _transact(self, operations: Sequence[Operation]) -> None:
        """A transaction whose conditions, if it has any, fail only for what is done already. Raises Contended."""
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.contended:
                raise Contended from cancelled

    def settle(self, conversation_id: str) -> None:
        """Take the expiry from all items of a creation in several steps; the head's last. Raises Contended.

        Whoever began this and died leaves items that expire and others that do not any more. The note to clear
        them away, made with the head, goes with the head's expiry.
        """
        pk = conversation_pk(conversation_id)
        head = self._table.get(pk, "HEAD")
        if head is None or "expires_at" not in head:
            return
        pending = [item for item in self._table.query(pk, prefix="P#") if "expires_at" in item]
        keys = [
            where
            for item in pending
            for where in (member_key(conversation_id, item["participant_id"]), (pk, item["sk"]))
        ]
        for some in chunks(keys, MAX_TRANSACTION):
            self._transact(self._lasting(some))
        note = Purge(conversation_id, head["expires_at"] + UNSETTLED_SECONDS)
        core = self._lasting([(pk, _event_sk(1)), (pk, "INFO"), (pk, "HEAD")])
        self._transact([*core, self._table.delete_op("PURGE", _purge_sk(note))])

    def _lasting(self, keys: Sequence[tuple[str, str]]) -> list[Operation]:
        return [self._table.update_op(*each, "REMOVE #expires_at", "attribute_exists(#pk)") for each in keys]

    def move_read_pointer(self, member: Membership, read_up_to: int, read_messages: int) -> bool:
        """Move it forward."""
        try:
            self._table.update(
                *member_key(member.conversation_id, member.participant_id),
                "SET #read_up_to = :read_up_to, #read_messages = :read_messages",
                "#epoch = :epoch AND #read_up_to < :read_up_to",
                epoch=member.epoch,
                read_up_to=read_up_to,
                read_messages=read_messages,
            )
        except ConditionFailed:
            return False
        return True

    def forget_gone(self, conversation_id: str, participant_id: str, event: int) -> None:
        """Drop the note that somebody went by this event."""
        entry = f"#gone.#{_gone_key(participant_id)}"
        try:
            self._table.update(
                conversation_pk(conversation_id),
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
                        conversation_pk(owner.conversation_id),
                        "HEAD",
                        "SET #state = :deleted",
                        "#state = :live",
                        deleted=State.DELETED.value,
                        live=State.LIVE.value,
                    ),
                    self.check_member(owner, role=True),
                    self._put_purge(owner.conversation_id, purge_at),
                ]
            )
        except TransactionCancelled as cancelled:
            if cancelled.contended:
                raise Contended from cancelled
            return False
        return True

    def _put_purge(self, conversation_id: str, due: int) -> Operation:
        return self._table.put_op({"pk": "PURGE", "sk": _purge_sk(Purge(conversation_id, due))})

    def due_purges(self, now: int, limit: int) -> list[Purge]:
        """Conversations that are to be cleared away by now."""
        due = self._table.query("PURGE", between=("0", f"{now:012d}#~"), limit=limit)
        return [Purge(item["sk"].partition("#")[2], int(item["sk"].partition("#")[0])) for item in due]

    def purge(self, purge: Purge, limit: int) -> bool:
        """Remove about `limit` items, the head last, so that any crash leaves something to go on from."""
        pk = conversation_pk(purge.conversation_id)
        head = self._table.get(pk, "HEAD")
        if head is not None and head["state"] == State.LIVE.value:
            # A live conversation is never cleared away, whatever a note says.
            self._table.delete("PURGE", _purge_sk(purge))
            return True
        items = [item for item in self._table.query(pk, limit=limit, expired=True) if item["sk"] != "HEAD"]
        items += self._table.query(_queue_pk(purge.conversation_id), limit=limit, expired=True)
        if not items:
            self._table.delete(pk, "HEAD")
            self._table.delete("PURGE", _purge_sk(purge))
            return True
        # What is found only by these items goes before them.
        found = [(f"K#{item['send_key']}", "K") for item in items if "send_key" in item]
        found += [
            member_key(purge.conversation_id, item["participant_id"])
            for item in items
            if item["sk"].startswith("P#")
        ]
        for keys in (found, [(item["pk"], item["sk"]) for item in items]):
            self._dynamo.batch_delete([(self._table.name, *each) for each in keys])
        return False


class _Writes:
    """The operations of a commit, each with what it means if its condition does not hold."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._meanings: list[Any] = []

    def add(self, operation: Operation, meaning: Any) -> None:
        """One more; `meaning` is "head", (kind, which), or None for what has no condition."""
        self._operations.append(operation)
        self._meanings.append(meaning)

    def run(self, dynamo: Dynamo) -> None:
        """Write all.

        Raises:
            HeadMoved, Contended, Refused: nothing was written.
        """
        try:
            dynamo.transact(self._operations)
        except TransactionCancelled as cancelled:
            raise self._outcome(cancelled) from cancelled

    def _outcome(self, cancelled: TransactionCancelled) -> Exception:
        failed = [index for index in range(len(cancelled.reasons)) if cancelled.failed(index)]
        repeated: dict[int, SendRecord] = {}
        withdrawn: list[int] = []
        not_members: list[str] = []
        for index in failed:
            match self._meanings[index]:
                case ("repeat", send):
                    repeated[send] = _record(cancelled.reasons[index][1] or {})
                case ("queue", send):
                    withdrawn.append(send)
                case ("member", participant_id):
                    not_members.append(participant_id)
        if repeated or withdrawn or not_members:
            return Refused(repeated, withdrawn, not_members)
        if failed and failed[0] == 0:
            item = cancelled.reasons[0][1]
            return HeadMoved(None if item is None else _head(item))
        return Contended()


def _later(call: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: call(*arguments)


def _latest_send_of_each(sends: Sequence[Send]) -> dict[str, tuple[Membership, Event]]:
    """By sender: a transaction may touch the same membership only once."""
    return {send.member.participant_id: (send.member, send.event) for send in sends}


def send_key_hash(key: SendKey) -> str:
    """A send's key, of fixed length, and telling nobody who sent it."""
    parts = (key.conversation_id, key.participant_id, key.client_message_id)
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _gone_key(participant_id: str) -> str:
    return hashlib.sha256(participant_id.encode()).hexdigest()[:32]


def _event_sk(sequence_id: int) -> str:
    return f"E#{sequence_id:016d}"


def _queue_pk(conversation_id: str) -> str:
    return f"Q#{conversation_id}"


def _purge_sk(purge: Purge) -> str:
    return f"{purge.due:012d}#{purge.conversation_id}"


def _event_item(event: Event, messages: int, send_key: str | None) -> Item:
    return {
        "pk": conversation_pk(event["conversation_id"]),
        "sk": _event_sk(event["sequence_id"]),
        "event": json_text.dumps(event),
        "messages": messages,
        "send_key": send_key,
    }


def _event(item: Item) -> tuple[Event, int]:
    return json.loads(item["event"]), item["messages"]


def _head_item(head: Head) -> Item:
    return {
        "pk": conversation_pk(head.conversation_id),
        "sk": "HEAD",
        "conversation_id": head.conversation_id,
        "sequence_id": head.sequence_id,
        "messages": head.messages,
        "last_message": head.last_message,
        "updated_at": head.updated_at,
        "participants": head.participants,
        "roster_version": head.roster_version,
        "state": head.state.value,
        "gone": {_gone_key(each): {"participant_id": each, "event": at} for each, at in head.gone.items()},
        "crowded_until": head.crowded_until,
    }


def _head(item: Item) -> Head:
    return Head(
        conversation_id=item["conversation_id"],
        sequence_id=item["sequence_id"],
        messages=item["messages"],
        last_message=item["last_message"],
        updated_at=item["updated_at"],
        participants=item["participants"],
        roster_version=item["roster_version"],
        state=State(item["state"]),
        gone={each["participant_id"]: each["event"] for each in item["gone"].values()},
        crowded_until=item["crowded_until"],
        unsettled="expires_at" in item,
    )


def _info_item(info: Info) -> Item:
    return {
        "pk": conversation_pk(info.conversation_id),
        "sk": "INFO",
        "conversation_id": info.conversation_id,
        "title": info.title,
        "join_policy": info.join_policy,
        "metadata": json_text.dumps(info.metadata),
        "created_at": info.created_at,
        "created_by": info.created_by,
    }


def _info(item: Item) -> Info:
    return Info(
        conversation_id=item["conversation_id"],
        title=item["title"],
        join_policy=item["join_policy"],
        metadata=json.loads(item["metadata"]),
        created_at=item["created_at"],
        created_by=item["created_by"],
    )


def _member_items(member: Membership) -> tuple[Item, Item]:
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
    }
    pointer = {"read_up_to": member.read_up_to, "read_messages": member.read_messages}
    return (
        {"pk": pk, "sk": sk} | seen | pointer,
        {"pk": conversation_pk(member.conversation_id), "sk": f"P#{member.participant_id}"} | seen,
    )


def _membership(item: Item) -> Membership:
    return Membership(
        conversation_id=item["conversation_id"],
        participant_id=item["participant_id"],
        name=item["name"],
        type=item["type"],
        role=item["role"],
        joined_at=item["joined_at"],
        epoch=item["epoch"],
        read_up_to=item.get("read_up_to", 0),
        read_messages=item.get("read_messages", 0),
    )


def _record(item: Item) -> SendRecord:
    return SendRecord(item["message_id"], item["sequence_id"], item["created_at"])


def _queued(conversation_id: str, item: Item) -> Queued:
    member = _membership(item["member"])
    return Queued(
        queue_id=item["sk"],
        queued_at=item["queued_at"],
        event=json.loads(item["event"]),
        member=member,
        key=SendKey(conversation_id, member.participant_id, item["client_message_id"]),
    )
