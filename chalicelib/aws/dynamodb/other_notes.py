"""Notes of the other participant of a direct conversation, which each of the two has in the own membership.

A note is written with the memberships, and follows the other one's profile. A name or type that changes in a token
follows after the write that has changed it in their own membership: a crash in between leaves it as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import membership_key
from chalicelib.aws.dynamodb.membership_items import membership_attributes, other_attributes
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.profiles import Profile

_IS_OLDER = "(attribute_not_exists(#other.#profile_version) OR #other.#profile_version < :profile_version)"
_IS_OF = "#other.#participant_id = :id"


def note_other_op(table: Table, member: Membership) -> Operation:
    """Write the note of a member whose profile is as read: the other one has noted it in the same transaction."""
    values: dict[str, Any] = {"epoch": member.epoch, "other": membership_attributes(member)["other"]}
    condition = "#epoch = :epoch AND attribute_not_exists(#profile_version)"
    if member.profile_version:
        condition = "#epoch = :epoch AND #profile_version = :profile_version"
        values["profile_version"] = member.profile_version
    key = membership_key(member.conversation_id, member.participant_id)
    return table.update_op(*key, "SET #other = :other", condition, **values)


def note_profile(table: Table, member: Membership, profile: Profile) -> bool:
    """Update what the other one notes of a member with a profile; return whether that was older."""
    if member.other is None:
        return False
    noted = replace(member, name=profile.name, profile_version=profile.version).as_other(profile.avatar_url)
    return table.try_update(
        *membership_key(member.conversation_id, member.other.participant_id),
        "SET #other = :other",
        f"{_IS_OF} AND {_IS_OLDER}",
        id=member.participant_id,
        profile_version=profile.version,
        other=other_attributes(noted),
    )


def note_actor(table: Table, member: Membership, changes: Mapping[str, str]) -> None:
    """Update what the other one notes of a member whose token has another name or type, best effort."""
    if member.other is None or not changes:
        return
    with contextlib.suppress(Unavailable):
        table.try_update(
            *membership_key(member.conversation_id, member.other.participant_id),
            "SET " + ", ".join(f"#other.#{name} = :{name}" for name in changes),
            _IS_OF,
            id=member.participant_id,
            **changes,
        )
