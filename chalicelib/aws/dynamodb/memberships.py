"""Memberships on DynamoDB. Appends create, change and delete them (`append_roster.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.keys import (
    MEMBERSHIP_PREFIX,
    ROSTER_PREFIX,
    Key,
    conversation_pk,
    membership_key,
    participant_pk,
    past_membership_key,
    roster_key,
    sanctions_key,
    sk_after,
    sk_up_to,
)
from chalicelib.aws.dynamodb.membership_items import (
    OWN_UNREAD,
    actor_changes,
    membership_from_item,
    past_membership_from_item,
    sanctions_from_item,
)
from chalicelib.aws.dynamodb.other_notes import note_actor
from chalicelib.aws.dynamodb.table import Table, parallel_batch_get
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Membership, PastMembership


class DynamoMemberships:
    """The `MembershipStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._gather = gather

    def membership(self, conversation_id: str, participant_id: str) -> Membership | None:
        """Return a participant's membership."""
        item = self._table.get(*membership_key(conversation_id, participant_id))
        return None if item is None else membership_from_item(item)

    def memberships(self, conversation_ids: Sequence[str], participant_id: str) -> dict[str, Membership]:
        """Return one participant's memberships in these conversations."""
        keys = [membership_key(conversation_id, participant_id) for conversation_id in conversation_ids]
        members = map(membership_from_item, parallel_batch_get(self._table, self._gather, keys))
        return {member.conversation_id: member for member in members}

    def memberships_in(self, conversation_id: str, participant_ids: Sequence[str]) -> dict[str, Membership]:
        """Return the memberships of these participants in one conversation."""
        keys = [membership_key(conversation_id, participant_id) for participant_id in participant_ids]
        members = map(membership_from_item, parallel_batch_get(self._table, self._gather, keys))
        return {member.participant_id: member for member in members}

    def memberships_of(self, participant_id: str) -> list[Membership]:
        """Return all memberships of a participant."""
        items = self._table.query(participant_pk(participant_id), prefix=MEMBERSHIP_PREFIX)
        return [membership_from_item(item) for item in items]

    def memberships_after(self, participant_id: str, conversation_id: str, limit: int) -> list[Membership]:
        """Return up to `limit` memberships of a participant, by conversation id, after this one (or from "").

        Those of interrupted creations that have expired are among them, so a short result is the end.
        """
        first = sk_after(f"{MEMBERSHIP_PREFIX}{conversation_id}")
        between = (first, sk_up_to(MEMBERSHIP_PREFIX))
        pk = participant_pk(participant_id)
        items = self._table.query(pk, between=between, limit=limit, include_expired=True)
        return [membership_from_item(item) for item in items]

    def roster(self, conversation_id: str) -> list[Membership]:
        """Return all members in the order in which they joined, without read pointers."""
        items = self._table.query(conversation_pk(conversation_id), prefix=ROSTER_PREFIX)
        members = [membership_from_item(item) for item in items]
        return sorted(members, key=lambda member: (member.epoch, member.participant_id))

    def past_membership(self, conversation_id: str, participant_id: str) -> PastMembership | None:
        """Return the record of a former member: newer, if there is one, than that of the sanctions."""
        past, sanctions = self._gather(
            lambda: self._table.get(*past_membership_key(conversation_id, participant_id)),
            lambda: self._table.get(*sanctions_key(conversation_id, participant_id)),
        )
        membership = None if past is None else past_membership_from_item(past)
        if membership is not None or sanctions is None:
            return membership
        return sanctions_from_item(sanctions)

    def set_personal_state(self, member: Membership, changes: Mapping[str, bool]) -> bool:
        """Change the personal state, in one transaction with the roster entry if that repeats it."""
        membership = membership_key(member.conversation_id, member.participant_id)
        roster = roster_key(member.conversation_id, member.participant_id)
        mirrored = {name: value for name, value in changes.items() if name == "notifications_muted"}
        writes = [(key, state) for key, state in ((membership, changes), (roster, mirrored)) if state]
        return self._dynamo.try_transact([self._set_flags_op(key, state, member.epoch) for key, state in writes])

    def _set_flags_op(self, key: Key, state: Mapping[str, bool], epoch: int) -> Operation:
        """Return an update of flags, each of which is true or absent."""
        on = [f"#{name} = :yes" for name, value in state.items() if value]
        off = [f"#{name}" for name, value in state.items() if not value]
        clauses = [f"{clause} {', '.join(parts)}" for clause, parts in (("SET", on), ("REMOVE", off)) if parts]
        values: dict[str, Any] = {"yes": True} if on else {}
        return self._table.update_op(*key, " ".join(clauses), "#epoch = :epoch", epoch=epoch, **values)

    def note_agent(self, member: Membership) -> bool:
        """Note that the token of a member is that of an agent."""
        key, change = membership_key(member.conversation_id, member.participant_id), {"type": "agent"}
        is_noted = self._table.try_update(
            *key, "SET #type = :type", "#epoch = :epoch", epoch=member.epoch, **change
        )
        note_actor(self._table, member, change)
        return is_noted

    def hide(self, member: Membership, at: int) -> bool:
        """Hide a direct conversation from a member's list up to a head, 0 to show it; False if it has ended."""
        change = "SET #hidden_at = :at" if at else "REMOVE #hidden_at"
        key = membership_key(member.conversation_id, member.participant_id)
        values: dict[str, Any] = {"at": at} if at else {}
        try:
            self._table.update(*key, change, "#epoch = :epoch", epoch=member.epoch, **values)
        except ConditionFailed:
            return False
        return True

    def move_read_pointer(
        self, member: Membership, read_up_to: int, read_message_count: int, actor: Actor
    ) -> tuple[bool, Membership | None]:
        """Move a read pointer forward, with name and type; return whether it moved, and the membership."""
        change = "SET #read_up_to = :read_up_to, #read_message_count = :read_message_count"
        values: dict[str, Any] = {}
        changes = actor_changes(member, actor)
        values |= changes
        change += "".join(f", #{attribute} = :{attribute}" for attribute in values)
        if read := frozenset(number for number in member.own_unread if number <= read_up_to):
            change += " DELETE " + ", ".join(f"#{attribute} :read" for attribute in OWN_UNREAD)
            values["read"] = read
        try:
            old = self._table.update(
                *membership_key(member.conversation_id, member.participant_id),
                change,
                "#epoch = :epoch AND #read_up_to < :read_up_to",
                epoch=member.epoch,
                read_up_to=read_up_to,
                read_message_count=read_message_count,
                **values,
            )
        except ConditionFailed as failed:
            return False, None if failed.item is None else membership_from_item(failed.item)
        note_actor(self._table, member, changes)
        moved = {
            "read_up_to": read_up_to,
            "read_message_count": read_message_count,
            "name": actor.name,
            "type": actor.type,
        }
        return True, membership_from_item((old or {}) | moved)
