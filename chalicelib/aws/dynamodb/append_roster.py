"""The steps of an append for members that join, leave, or change their role or mute, and for an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.append_steps import Precondition, Step
from chalicelib.aws.dynamodb.consent_keys import hidden_key, invited_key, pending_key
from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.erasure_items import (
    data_location_to_item,
    require_running_op,
)
from chalicelib.aws.dynamodb.keys import (
    ban_key,
    footprint_key,
    membership_key,
    past_membership_key,
    roster_key,
    sanctions_key,
)
from chalicelib.aws.dynamodb.membership_items import (
    footprint_to_item,
    membership_to_items,
    past_membership_to_item,
    sanctions_to_item,
)
from chalicelib.aws.dynamodb.other_notes import note_other_op
from chalicelib.aws.dynamodb.standings import (
    change_standing_op,
    count_own_op,
    end_membership_op,
    require_not_suspended_op,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.conversations import Membership, PastMembership
from chalicelib.core.ports.commits import Commit

if TYPE_CHECKING:
    from chalicelib.core.model.privacy import ErasureCommit

NOT_BEGUN = "attribute_exists(#pk) AND attribute_not_exists(#erased_at_event)"
"""The condition of a footprint at which no erasure has begun."""


def roster_steps(table: Table, commit: Commit) -> Iterator[Step]:
    """Return the steps for the members that a commit changes."""
    for member in commit.joining:
        yield from _join_steps(table, commit, member)
    yield from _consent_steps(table, commit)
    for member in commit.leaving:
        yield from _leave_steps(table, commit, member)
    actors = {event["sender"]["participant_id"] for event in commit.events}
    for member in commit.changing:
        yield from _change_steps(table, member, is_own=member.participant_id in actors)
    for member in commit.noting:
        yield Step(note_other_op(table, member), Precondition.MEMBERSHIP, member.participant_id)
    for participant_id in commit.succeeding:
        yield Step(require_not_suspended_op(table, participant_id), Precondition.CONSENT)
    if commit.erasure is not None:
        yield from _erasure_steps(table, commit.erasure)


def _join_steps(table: Table, commit: Commit, member: Membership) -> Iterator[Step]:
    conversation_id, participant_id = member.conversation_id, member.participant_id
    if commit.standing is None:
        count = count_own_op(table, member, commit.conversations_cap)
        yield Step(count, Precondition.STANDING, participant_id)
    else:
        yield Step(change_standing_op(table, commit.standing, "added"), Precondition.CONSENT)
    for item in membership_to_items(member):
        yield Step(table.put_op(item, "attribute_not_exists(#pk)"), Precondition.MEMBERSHIP, participant_id)
    yield Step(table.delete_op(*past_membership_key(conversation_id, participant_id)))
    yield Step(table.delete_op(*footprint_key(conversation_id, participant_id)))


def _consent_steps(table: Table, commit: Commit) -> Iterator[Step]:
    """Delete pending memberships: for the participant, whether visible or not, and for the conversation."""
    accepted = commit.accepted
    if commit.obsolete_standing is not None:
        yield Step(change_standing_op(table, commit.obsolete_standing, "pending", by=0), Precondition.CONSENT)
    for entry in commit.obsolete:
        names = (entry.conversation_id, entry.participant_id, entry.adder_id)
        if accepted is not None and entry.adder_id == accepted.adder_id:
            delete = table.delete_op(*pending_key(*names), "attribute_exists(#pk)")
            yield Step(delete, Precondition.CONSENT)
        else:
            yield Step(table.delete_op(*pending_key(*names)))
        yield Step(table.delete_op(*hidden_key(*names)))
        yield Step(table.delete_op(*invited_key(*names)))


def _leave_steps(table: Table, commit: Commit, member: Membership) -> Iterator[Step]:
    conversation_id, participant_id = member.conversation_id, member.participant_id
    # The read pointer must be as read, too: it is kept for a later return.
    delete = table.delete_op(
        *membership_key(conversation_id, participant_id),
        "#epoch = :epoch AND #read_up_to = :read_up_to",
        epoch=member.epoch,
        read_up_to=member.read_up_to,
    )
    yield Step(delete, Precondition.MEMBERSHIP, participant_id)
    yield Step(table.delete_op(*roster_key(conversation_id, participant_id)))
    if commit.erasure is None:
        yield Step(end_membership_op(table, member))
        removed_at_event = commit.new.sequence_id if commit.removed else 0
        yield Step(table.put_op(past_membership_to_item(member, removed_at_event)))
        yield Step(table.put_op(footprint_to_item(conversation_id, participant_id)))


def _change_steps(table: Table, member: Membership, *, is_own: bool) -> Iterator[Step]:
    """Change role and mute; in a change by the member also name and type: others may have read old ones."""
    change = "SET #role = :role"
    values: dict[str, Any] = {"role": member.role, "epoch": member.epoch}
    if is_own:
        change += ", #name = :name, #type = :type"
        values |= {"name": member.name, "type": member.type}
    if member.muted_until:
        change += ", #muted_until = :until"
        values["until"] = member.muted_until
    else:
        change += " REMOVE #muted_until"
    for key_of in (membership_key, roster_key):
        key = key_of(member.conversation_id, member.participant_id)
        update = table.update_op(*key, change, "#epoch = :epoch", **values)
        yield Step(update, Precondition.MEMBERSHIP, member.participant_id)


def _erasure_steps(table: Table, erasure: ErasureCommit) -> Iterator[Step]:
    """Leave of an erased participant a footprint, by which the rest is found, and sanctions without id or name."""
    job, location = erasure.job, erasure.location
    conversation_id, participant_id = location.conversation_id, job.participant_id
    yield Step(require_running_op(table, job), Precondition.ERASURE, participant_id)
    footprint = table.put_op(data_location_to_item(job, location), None if erasure.was_member else NOT_BEGUN)
    yield Step(footprint, Precondition.ERASURE, participant_id)
    yield Step(table.delete_op(*past_membership_key(conversation_id, participant_id)))
    if erasure.sanctions is not None:
        yield Step(_keep_sanctions_op(table, conversation_id, participant_id, erasure.sanctions))
    if erasure.is_banned:
        pseudonymize = table.update_op(
            *ban_key(conversation_id, participant_id),
            "SET #participant_id = :pseudonym REMOVE #name",
            pseudonym=job.pseudonym(conversation_id),
        )
        yield Step(pseudonymize)


def _keep_sanctions_op(
    table: Table, conversation_id: str, participant_id: str, sanctions: PastMembership
) -> Operation:
    """Replace the sanctions of an earlier erasure."""
    if sanctions.muted_until or sanctions.removed_at_event:
        return table.put_op(sanctions_to_item(conversation_id, participant_id, sanctions))
    return table.delete_op(*sanctions_key(conversation_id, participant_id))
