"""An append: all that a commit writes, in one transaction that moves the head from n to n + k by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from chalicelib.aws.dynamodb import conversation_items as stored
from chalicelib.aws.dynamodb import erasure_items as erasure
from chalicelib.aws.dynamodb import moderation_items as moderation
from chalicelib.aws.dynamodb.table import Dynamo, Operation, Table, TransactionCancelled, with_old_image
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.conversations import ConversationState, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.messages import IdempotencyRecord
from chalicelib.core.model.moderation import Invite
from chalicelib.core.model.privacy import ErasureCommit, RetentionCheck
from chalicelib.core.ports.commits import (
    Commit,
    HeadConflict,
    MessageAppend,
    PreconditionFailed,
    Purge,
    WriteConflict,
)

_LIVE_AT = "#sequence_id = :old AND #state = :live"
_UNREVISED = "attribute_not_exists(#revision)"
_Condition: TypeAlias = str | tuple[str, Any] | None


class AppendTransaction:
    """One commit as one transaction, and what it means if a condition of it does not hold."""

    def __init__(self, table: Table, commit: Commit) -> None:
        self._table = table
        self._commit = commit
        self._operations: list[Operation] = []
        self._conditions: list[_Condition] = []
        self._add(self._move_head(), "head")
        for event in commit.events:
            self._add(self._put_event(event, commit.new.message_count), "head")
        for index, send in enumerate(commit.messages):
            self._add_message(index, send)
        for member, event in _latest_send_of_each(commit.messages).values():
            self._add(self._move_sender_read_pointer(member, event), ("member", member.participant_id))
        if commit.guard is not None:
            still = require_member_op(table, commit.guard, role=True)
            self._add(still, ("member", commit.guard.participant_id))
        self._add_roster_changes()
        self._add_moderation()
        self._add_message_updates()
        if commit.details is not None:
            self._add(table.put_op(stored.details_item(commit.details)), None)
        if commit.purge_at is not None:
            self._add(put_purge_op(table, commit.new.conversation_id, commit.purge_at), None)
        if commit.erasure is not None:
            self._add_erasure(commit.erasure)
        if commit.retention_check_at is not None:
            visit = RetentionCheck(commit.new.conversation_id, commit.retention_check_at)
            self._add(erasure.put_check_op(table, visit), None)
            self._add(erasure.set_next_check_op(table, visit), None)

    def execute(self, dynamo: Dynamo) -> None:
        """Write all. What did not hold is told apart by the place of each operation.

        Raises:
            HeadConflict, WriteConflict, PreconditionFailed: nothing was written.
        """
        try:
            dynamo.transact(self._operations)
        except TransactionCancelled as cancelled:
            raise self._to_error(cancelled) from cancelled

    def _add(self, operation: Operation, condition: _Condition) -> None:
        """One more; `meaning` is "head", "invite", (kind, which), or None for what has no condition."""
        self._operations.append(operation)
        self._conditions.append(condition)

    def _move_head(self) -> Operation:
        old, new = self._commit.old, self._commit.new
        pk = stored.conversation_pk(new.conversation_id)
        change = (
            "SET #sequence_id = :new, #message_count = :message_count, #last_message = :last_message,"
            " #updated_at = :updated_at, #participant_count = :participant_count,"
            " #roster_version = :roster_version, #state = :state, #contended_until = :contended_until"
        )
        values: dict[str, Any] = {}
        for index, (participant_id, event) in enumerate(
            (each, event) for each, event in new.departed.items() if old.departed.get(each) != event
        ):
            # The person's id stands hashed: a map key has no prefix to keep it apart, and no length to spare.
            change += f", #departed.#{stored.departed_key(participant_id)} = :departed{index}"
            values[f"departed{index}"] = {"participant_id": participant_id, "event": event}
        if new.expired_up_to != old.expired_up_to:
            change += ", #expired_up_to = :expired_up_to"
            values["expired_up_to"] = new.expired_up_to
        if old.revision:
            values["revision"] = old.revision
        return with_old_image(
            self._table.update_op(
                pk,
                "HEAD",
                change,
                f"{_LIVE_AT} AND {'#revision = :revision' if old.revision else _UNREVISED}",
                old=old.sequence_id,
                live=ConversationState.LIVE.value,
                new=new.sequence_id,
                message_count=new.message_count,
                last_message=new.last_message,
                updated_at=new.updated_at,
                participant_count=new.participant_count,
                roster_version=new.roster_version,
                state=new.state.value,
                contended_until=new.contended_until,
                **values,
            )
        )

    def _put_event(self, event: Event, messages: int, send_key: str | None = None) -> Operation:
        item = stored.event_item(event, messages, send_key)
        return self._table.put_op(item, "attribute_not_exists(#pk)")

    def _add_message(self, index: int, send: MessageAppend) -> None:
        new = self._commit.new
        ordinal = self._commit.old.message_count + index + 1
        hashed = None if send.key is None else stored.idempotency_key_hash(send.key)
        self._add(self._put_event(send.event, ordinal, hashed), "head")
        if hashed is not None:
            record = {
                "pk": f"K#{hashed}",
                "sk": "K",
                "conversation_id": new.conversation_id,
                "message_id": send.event["message_id"],
                "sequence_id": send.event["sequence_id"],
                "created_at": send.event["created_at"],
            }
            self._add(with_old_image(self._table.put_op(record, "attribute_not_exists(#pk)")), ("repeat", index))
        if send.queued_as is not None:
            self._add(
                self._table.delete_op(
                    stored.queue_pk(new.conversation_id), send.queued_as, "attribute_exists(#pk)"
                ),
                ("queue", index),
            )

    def _move_sender_read_pointer(self, member: Membership, event: Event) -> Operation:
        # No condition that it only rises: the event is the newest of all, no pointer can be beyond it.
        # The mute as it was read: whether it is over was decided then, by the sender's clock alone.
        muted: dict[str, Any] = {"muted_until": member.muted_until} if member.muted_until else {}
        as_read = "#muted_until = :muted_until" if muted else "attribute_not_exists(#muted_until)"
        return self._table.update_op(
            *stored.member_key(member.conversation_id, member.participant_id),
            "SET #read_up_to = :read_up_to, #read_message_count = :read_message_count",
            f"#epoch = :epoch AND {as_read}",
            **muted,
            epoch=member.epoch,
            read_up_to=event["sequence_id"],
            read_message_count=self._commit.old.message_count
            + sum(1 for send in self._commit.messages if send.event["sequence_id"] <= event["sequence_id"]),
        )

    def _add_roster_changes(self) -> None:
        commit, table = self._commit, self._table
        pk = stored.conversation_pk(commit.new.conversation_id)
        for member in commit.joining:
            self._add(
                erasure.require_not_erasing(table, member.participant_id), ("erasing", member.participant_id)
            )
            what = ("member", member.participant_id)
            for item in stored.member_items(member):
                self._add(table.put_op(item, "attribute_not_exists(#pk)"), what)
            self._add(table.delete_op(pk, f"L#{member.participant_id}"), None)
            note = stored.footprint_key(member.conversation_id, member.participant_id)
            self._add(table.delete_op(*note), None)
        for member in commit.leaving:
            what = ("member", member.participant_id)
            where = stored.member_key(member.conversation_id, member.participant_id)
            # The pointer, too: one that is moved meanwhile must not be lost for a later return.
            unchanged = "#epoch = :epoch AND #read_up_to = :read_up_to"
            self._add(table.delete_op(*where, unchanged, epoch=member.epoch, read_up_to=member.read_up_to), what)
            self._add(table.delete_op(pk, f"P#{member.participant_id}"), None)
            if commit.erasure is not None:
                continue
            self._add(table.put_op(stored.past_membership_item(member)), None)
            self._add_footprint(member.participant_id)
        for member in commit.changing:
            what = ("member", member.participant_id)
            change = "SET #role = :role"
            values: dict[str, Any] = {"role": member.role, "epoch": member.epoch}
            if member.muted_until:
                change += ", #muted_until = :until"
                values["until"] = member.muted_until
            else:
                change += " REMOVE #muted_until"
            for where in (
                stored.member_key(member.conversation_id, member.participant_id),
                (pk, f"P#{member.participant_id}"),
            ):
                self._add(table.update_op(*where, change, "#epoch = :epoch", **values), what)

    def _add_footprint(self, participant_id: str) -> None:
        note = stored.footprint_item(self._commit.new.conversation_id, participant_id)
        self._add(self._table.put_op(note), None)

    def _add_erasure(self, erasing: ErasureCommit) -> None:
        """Of who is erased only the trace is left by which the rest is found, and a ban that names nobody."""
        table, place, who = self._table, erasing.location, erasing.job.participant_id
        pk = stored.conversation_pk(place.conversation_id)
        self._add(erasure.require_running(table, erasing.job), ("erasing", who))
        item = erasure.data_location_item(erasing.job, place)
        unbegun = (
            None if erasing.was_member else "attribute_exists(#pk) AND attribute_not_exists(#erased_at_event)"
        )
        self._add(table.put_op(item, unbegun), ("erasing", who))
        self._add(table.delete_op(pk, f"L#{who}"), None)
        if erasing.is_banned:
            alias = erasing.job.pseudonym(place.conversation_id)
            change = "SET #participant_id = :alias REMOVE #name"
            self._add(table.update_op(pk, moderation.ban_sk(who), change, alias=alias), None)

    def _add_moderation(self) -> None:
        """Bans, the use of an invite, and the audit. Bans change in appends alone, so they need no conditions."""
        commit, table, new = self._commit, self._table, self._commit.new
        pk = stored.conversation_pk(new.conversation_id)
        going = {member.participant_id for member in commit.leaving}
        for ban in commit.banning:
            self._add(table.put_op(moderation.ban_item(ban)), None)
            if ban.participant_id not in going:
                # Of somebody who was never in, this is all by which what mentions them is found again.
                mark = f"L#{ban.participant_id}"
                self._add(table.update_op(pk, mark, "SET #banned_at = :at", at=ban.banned_at), None)
                self._add_footprint(ban.participant_id)
        for ban in commit.unbanning:
            self._add(table.delete_op(pk, moderation.ban_sk(ban.participant_id)), None)
        if commit.invite is not None:
            self._add(self._consume_invite(commit.invite), "invite")
        for number, entry in enumerate(commit.audit):
            place = moderation.position_in_commit(number)
            event = entry.sequence_id or new.sequence_id
            item = moderation.audit_item(new.conversation_id, event, place, new.updated_at, entry)
            self._add(table.put_op(item), None)

    def _consume_invite(self, invite: Invite) -> Operation:
        """One use more, if it still holds at the time of the commit."""
        condition = "attribute_exists(#pk) AND #expires_at > :now"
        values: dict[str, Any] = {"now": self._commit.new.updated_at // 1000}
        if invite.max_uses is not None:
            condition += " AND #uses < :max_uses"
            values["max_uses"] = invite.max_uses
        where = stored.conversation_pk(invite.conversation_id), moderation.invite_sk(invite.invite_id)
        return self._table.update_op(*where, "SET #uses = #uses + :one", condition, one=1, **values)

    def _add_message_updates(self) -> None:
        """What became of messages. It changes only in appends: if the head stands, so does all that was read."""
        commit, table = self._commit, self._table
        where = commit.new.conversation_id
        pk = stored.conversation_pk(where)
        for number, state in commit.message_states.items():
            text = stored.message_state_text(state)
            change = table.update_op(
                pk, stored.event_sk(number), "SET #state = :state", "attribute_exists(#pk)", state=text
            )
            self._add(change, "head")
        for event, deletion in commit.redacted:
            values: dict[str, Any] = {"event": json_codec.dumps(event)}
            change_of = "SET #event = :event"
            if deletion:
                change_of += ", #deleted_by = :deleted_by"
                values["deleted_by"] = deletion
            sk = stored.event_sk(event["sequence_id"])
            self._add(
                table.update_op(pk, sk, f"{change_of} REMOVE #state", "attribute_exists(#pk)", **values), "head"
            )
        for each in commit.reactions_added:
            self._add(table.put_op(stored.reaction_item(where, each), "attribute_not_exists(#pk)"), "head")
        for each in commit.reactions_removed:
            sk = stored.reaction_sk(each.target, each.participant_id, each.emoji)
            self._add(table.delete_op(pk, sk, "attribute_exists(#pk)"), "head")

    def _to_error(self, cancelled: TransactionCancelled) -> Exception:
        failed = [index for index in range(len(cancelled.reasons)) if cancelled.failed(index)]
        erasing: list[str] = []
        repeated: dict[int, IdempotencyRecord] = {}
        withdrawn: list[int] = []
        not_members: list[str] = []
        for index in failed:
            match self._conditions[index]:
                case ("repeat", send):
                    repeated[send] = stored.idempotency_record(cancelled.reasons[index][1] or {})
                case ("queue", send):
                    withdrawn.append(send)
                case ("member", participant_id):
                    not_members.append(participant_id)
                case ("erasing", participant_id):
                    erasing.append(participant_id)
        if erasing:
            return PreconditionFailed(erasing=erasing)
        if repeated or withdrawn or not_members or any(self._conditions[index] == "invite" for index in failed):
            return PreconditionFailed(repeated, withdrawn, not_members)
        if failed and failed[0] == 0:
            item = cancelled.reasons[0][1]
            return HeadConflict(None if item is None else stored.head(item))
        return WriteConflict()


def require_member_op(table: Table, member: Membership, *, role: bool = False) -> Operation:
    """Within a transaction: the membership is still the same one (and the role, if that matters)."""
    condition, values = "#epoch = :epoch", {"epoch": member.epoch}
    return table.condition_op(
        *stored.member_key(member.conversation_id, member.participant_id),
        condition + " AND #role = :role" if role else condition,
        **(values | {"role": member.role} if role else values),
    )


def put_purge_op(table: Table, conversation_id: str, due: int) -> Operation:
    """Within a transaction: a note that the conversation is to be cleared away, from `due` on."""
    return table.put_op({"pk": "PURGE", "sk": stored.purge_sk(Purge(conversation_id, due))})


def _latest_send_of_each(sends: Sequence[MessageAppend]) -> dict[str, tuple[Membership, Event]]:
    """By sender: a transaction may touch the same membership only once."""
    return {send.member.participant_id: (send.member, send.event) for send in sends}
