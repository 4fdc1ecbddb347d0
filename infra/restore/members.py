"""Replay of departures, bans, mutes and lower roles in one conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.aws.dynamodb.keys import (
    BAN_PREFIX,
    PAST_MEMBERSHIP_PREFIX,
    SANCTIONS_PREFIX,
    ban_key,
    footprint_key,
    membership_key,
    past_membership_key,
)
from chalicelib.aws.dynamodb.membership_items import footprint_to_item, membership_from_item
from chalicelib.aws.dynamodb.values import Item
from chalicelib.bootstrap import Application
from chalicelib.core.conversations.roster import Departure, Roster, participant_event
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Role
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.ports.commits import Commit
from chalicelib.core.privacy.retention import SERVICE
from infra.restore.side import Side

RANK: Mapping[Role, int] = {"member": 0, "moderator": 1, "owner": 2}


class MemberReplay:
    """Ends memberships, and makes roles and sanctions as strict as they are in the old table."""

    def __init__(self, app: Application, old: Side, new: Side) -> None:
        stores = app.stores
        self._memberships = stores.memberships
        self._clock = app.runtime.clock
        self._log = Log(event_log=stores.event_log, runtime=app.runtime)
        self._roster = Roster(
            conversations=stores.conversations,
            event_log=stores.event_log,
            memberships=stores.memberships,
            revocations=stores.revocations,
            subscriptions=stores.subscriptions,
            runtime=app.runtime,
        )
        self._old, self._new = old, new

    def run(self, conversation_id: str) -> None:
        """Replay in one live conversation, which may close."""
        for entry in self._memberships.roster(conversation_id):
            if self._before(conversation_id, entry.participant_id) is None:
                self._end(conversation_id, entry.participant_id)
        self._copy_bans(conversation_id)
        head = self._new.head(conversation_id)
        if head is None or head.state is not ConversationState.LIVE:
            return
        self._copy_sanctions(head, PAST_MEMBERSHIP_PREFIX)
        self._copy_sanctions(head, SANCTIONS_PREFIX)
        self._restrict(conversation_id)

    def _before(self, conversation_id: str, participant_id: str) -> Membership | None:
        """Return a membership in the old table."""
        item = self._old.table.get(*membership_key(conversation_id, participant_id))
        return None if item is None else membership_from_item(item)

    # ---- departures ------------------------------------------------------------------------------------

    def _end(self, conversation_id: str, participant_id: str) -> None:
        reason = self._reason(conversation_id, participant_id)

        def plan(head: Head) -> Commit:
            member = self._memberships.membership(conversation_id, participant_id)
            if member is None:
                raise AssertionError("unreachable: nothing else writes to the restored table")
            return self._roster.plan_departure(head, member, by=SERVICE, reason=reason)

        commit = self._log.append(conversation_id, plan)
        self._roster.unsubscribe_departed(conversation_id, participant_id, commit.new.departed)

    def _reason(self, conversation_id: str, participant_id: str) -> Departure:
        if self._old.table.get(*ban_key(conversation_id, participant_id)) is not None:
            return "banned"
        past = self._old.table.get(*past_membership_key(conversation_id, participant_id)) or {}
        return "removed" if past.get("removed_at_event") else "left"

    # ---- sanctions -------------------------------------------------------------------------------------

    def _copy_bans(self, conversation_id: str) -> None:
        """Add the bans of the old table; those of the replay get their author."""
        for item in self._old.rows(conversation_id, BAN_PREFIX):
            present = self._new.table.get(item["pk"], item["sk"])
            if present is None or present["banned_by"] == SERVICE.participant_id:
                self._new.table.put(item)
                self._copy_footprint(conversation_id, item["participant_id"])

    def _copy_sanctions(self, head: Head, prefix: str) -> None:
        """Add removals and mutes of former members; a removal is newer than every invite of the restored table."""
        for item in self._old.rows(head.conversation_id, prefix):
            present = self._new.table.get(item["pk"], item["sk"]) or {}
            muted_until = max(item.get("muted_until", 0), present.get("muted_until", 0))
            removed_at_event = present.get("removed_at_event", 0)
            if item.get("removed_at_event", 0) > removed_at_event:
                removed_at_event = head.sequence_id + 1
            sanctions = {"muted_until": muted_until, "removed_at_event": removed_at_event}
            if {name: present.get(name, 0) for name in sanctions} != sanctions:
                row = _within(head, {**item, **present})
                self._new.table.put({**row, **sanctions, **_lasting(item, sanctions)})
                if prefix == PAST_MEMBERSHIP_PREFIX:
                    self._copy_footprint(head.conversation_id, item["sk"].removeprefix(prefix))

    def _copy_footprint(self, conversation_id: str, participant_id: str) -> None:
        """Let an erasure find the row that was added for a participant who is not a member."""
        key = footprint_key(conversation_id, participant_id)
        known = (membership_key(conversation_id, participant_id), key)
        if self._old.table.get(*key) is not None and not self._new.table.batch_get(known):
            self._new.table.put(footprint_to_item(conversation_id, participant_id))

    # ---- roles and mutes -------------------------------------------------------------------------------

    def _restrict(self, conversation_id: str) -> None:
        now = milliseconds(self._clock)
        roster = self._memberships.roster(conversation_id)
        before = {
            entry.participant_id: old
            for entry in roster
            if (old := self._before(conversation_id, entry.participant_id)) is not None
        }
        roles = _roles(roster, before)
        # Owners first, so that there is one at every moment.
        for entry in sorted(roster, key=lambda member: -RANK[roles[member.participant_id]]):
            old, role = before[entry.participant_id], roles[entry.participant_id]
            muted_until = 0 if role == "owner" else max(entry.muted_until, old.muted_until)
            wanted = replace(entry, role=role, muted_until=muted_until if muted_until > now else 0)
            if (wanted.role, wanted.muted_until) != (entry.role, entry.muted_until):
                self._change(entry, wanted, now)

    def _change(self, entry: Membership, wanted: Membership, now: int) -> None:
        participant_id = entry.participant_id
        audit = []
        if wanted.role != entry.role:
            audit.append(AuditEntry("role_changed", SERVICE.participant_id, participant_id, role=wanted.role))
        if wanted.muted_until > entry.muted_until:
            muted = AuditEntry("muted", SERVICE.participant_id, participant_id, muted_until=wanted.muted_until)
            audit.append(muted)

        def plan(head: Head) -> Commit:
            sequence_id = head.sequence_id + 1
            event = participant_event(head, sequence_id, "participant_updated", SERVICE, wanted, now)
            new = replace(head, sequence_id=sequence_id, updated_at=now, roster_version=head.roster_version + 1)
            return Commit(head, new, [event], changing=[wanted], audit=audit)

        self._log.append(entry.conversation_id, plan)


def _roles(roster: Sequence[Membership], before: Mapping[str, Membership]) -> dict[str, Role]:
    """Return the lower role of each member; if no owner is left, the old or the present owners stay owners."""
    roles: dict[str, Role] = {
        member.participant_id: min(member.role, before[member.participant_id].role, key=RANK.__getitem__)
        for member in roster
    }
    owned = "owner" in roles.values()
    for owners in (before.values(), roster):
        if not owned:
            roles |= {member.participant_id: "owner" for member in owners if member.role == "owner"}
            owned = "owner" in roles.values()
    return roles


def _within(head: Head, item: Item) -> Item:
    """Return a row with positions that exist in the restored log."""
    within = dict(item)
    if "read_up_to" in item:
        within["read_up_to"] = min(item["read_up_to"], head.sequence_id)
        within["read_message_count"] = min(item["read_message_count"], head.message_count)
        own = frozenset(number for number in item.get("own_unread", frozenset()) if number <= head.sequence_id)
        within["own_unread"] = own or None
    return within


def _lasting(item: Item, sanctions: Mapping[str, int]) -> Item:
    """Return the expiry of sanctions on an erased participant: a removal does not expire, a mute does."""
    if not item["sk"].startswith(SANCTIONS_PREFIX):
        return {name: value or None for name, value in sanctions.items()}
    return {"expires_at": None if sanctions["removed_at_event"] else sanctions["muted_until"] // 1000 + 1}
