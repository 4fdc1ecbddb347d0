"""The operations on standings: counts of memberships, on whose version additions are conditional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.consent_keys import standing_key
from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.table import Table, with_old_image
from chalicelib.core.model.conversations import Membership

if TYPE_CHECKING:
    from chalicelib.core.model.consent import Standing


NOT_SUSPENDED = "attribute_not_exists(#suspended)"


def count_own_op(table: Table, member: Membership, cap: int) -> Operation:
    """Count a conversation that a participant creates or joins.

    They must have less than `cap`, and neither be suspended nor being erased. Their profile must be the one with
    which the membership begins. This also keeps the type in their token, for additions by others.
    """
    condition = (
        f"attribute_not_exists(#erasing) AND {NOT_SUSPENDED} AND (attribute_not_exists(#own) OR #own < :cap) AND "
    )
    values: dict[str, Any] = {}
    if member.profile_version:
        condition += "#profile_version = :profile_version"
        values["profile_version"] = member.profile_version
    else:
        condition += "attribute_not_exists(#profile_version)"
    change = "SET #type = :type ADD #own :one, #version :one"
    key = standing_key(member.participant_id)
    return with_old_image(table.update_op(*key, change, condition, type=member.type, one=1, cap=cap, **values))


def change_standing_op(table: Table, standing: Standing, counter: str, by: int = 1) -> Operation:
    """Count a membership, or a pending one, in `counter` of a standing that is as read."""
    change = f"SET #{counter} = :count, #version = :next"
    values = {"count": getattr(standing, counter) + by, "next": standing.version + 1}
    key = standing_key(standing.participant_id)
    if not standing.version:
        return table.update_op(*key, change, "attribute_not_exists(#version)", **values)
    return table.update_op(*key, change, "#version = :version", version=standing.version, **values)


def end_membership_op(table: Table, member: Membership) -> Operation:
    """Stop counting a membership that ends."""
    change = f"ADD #{'added' if member.is_added else 'own'} :minus_one"
    return table.update_op(*standing_key(member.participant_id), change, minus_one=-1)


def bump_standing_op(table: Table, participant_id: str, condition: str | None = None) -> Operation:
    """Invalidate the decisions that were made on the present standing."""
    return table.update_op(*standing_key(participant_id), "ADD #version :one", condition, one=1)


def require_not_suspended_op(table: Table, participant_id: str) -> Operation:
    """Require that a participant is not suspended."""
    return table.condition_op(*standing_key(participant_id), NOT_SUSPENDED)
