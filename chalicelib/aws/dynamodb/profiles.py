"""Profiles on DynamoDB: the profile, its name and avatar in the standing and in memberships, and pending copies.

A membership and its roster entry keep the name of the token beside that of the profile, which is the one that
counts. So a write of the former cannot undo a copy. Only the roster entry has the avatar, and in a direct
conversation the note in the membership of the other participant.
"""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.consent_keys import standing_key
from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, Operation, no_entries
from chalicelib.aws.dynamodb.keys import (
    LAST,
    MEMBERSHIP_PREFIX,
    Key,
    membership_key,
    participant_pk,
    roster_key,
    sk_after,
    sk_up_to,
)
from chalicelib.aws.dynamodb.membership_items import membership_from_item
from chalicelib.aws.dynamodb.other_notes import note_profile
from chalicelib.aws.dynamodb.profile_keys import PROFILE_COPIES, copy_id, profile_copy_key, profile_key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.consent import Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.profiles import Profile, ProfileCopy

_IS_OLDER = "#epoch = :epoch AND (attribute_not_exists(#profile_version) OR #profile_version < :profile_version)"


class DynamoProfiles:
    """The `ProfileStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, entries: Entries = no_entries) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._entries = entries
        self._table = Table(dynamo, table)

    def profile(self, participant_id: str) -> Profile | None:
        """Return a profile."""
        item = self._table.get(*profile_key(participant_id))
        return None if item is None else _profile_from_item(participant_id, item)

    def save(self, profile: Profile, standing: Standing) -> bool:
        """Save a profile in one transaction with the standing, and the progress of its copies."""
        copy = ProfileCopy(copy_id(profile.participant_id), profile.participant_id, profile.version)
        return self._dynamo.try_transact(
            [
                self._table.put_op(_profile_to_item(profile)),
                self._note_in_standing_op(profile, standing),
                self._table.put_op(_copy_to_item(copy)),
                *self._entries("profile_changed", participant_id=profile.participant_id, version=profile.version),
            ]
        )

    def _note_in_standing_op(self, profile: Profile, standing: Standing) -> Operation:
        change, values = _copied(profile, "#version = :next")
        values["next"] = standing.version + 1
        condition = "attribute_not_exists(#version)"
        if standing.version:
            condition, values["version"] = "#version = :version", standing.version
        condition += " AND attribute_not_exists(#erasing)"
        return self._table.update_op(*standing_key(profile.participant_id), change, condition, **values)

    def erase(self, participant_id: str) -> None:
        """Delete the profile and the progress of its copies."""
        self._table.batch_delete([profile_key(participant_id), profile_copy_key(copy_id(participant_id))])

    # ---- copies ----------------------------------------------------------------------------------------

    def copy(self, job_id: str) -> ProfileCopy | None:
        """Return the progress of copies."""
        item = self._table.get(*profile_copy_key(job_id))
        return (
            None if item is None else ProfileCopy(job_id, **{name: item[name] for name in ProfileCopy._fields[1:]})
        )

    def memberships(self, participant_id: str, after: str, limit: int) -> tuple[list[Membership], str | None]:
        """Return a page of memberships. Expired ones make it shorter."""
        between = (sk_after(f"{MEMBERSHIP_PREFIX}{after}"), sk_up_to(MEMBERSHIP_PREFIX))
        pk = participant_pk(participant_id)
        items = list(self._table.query(pk, between=between, limit=limit, include_expired=True))
        position = items[-1]["conversation_id"] if len(items) == limit else None
        return [membership_from_item(item) for item in items if not self._dynamo.is_expired(item)], position

    def copy_to(self, member: Membership, profile: Profile) -> bool:
        """Update a membership and its roster entry in one transaction."""
        names = (member.conversation_id, member.participant_id)
        return self._dynamo.try_transact(
            [
                self._copy_op(membership_key(*names), member, profile._replace(avatar_url=None)),
                self._copy_op(roster_key(*names), member, profile),
            ]
        )

    def note_in_other(self, member: Membership, profile: Profile) -> bool:
        """Update what the other participant of a direct conversation notes of a member."""
        return note_profile(self._table, member, profile)

    def _copy_op(self, key: Key, member: Membership, profile: Profile) -> Operation:
        change, copied = _copied(profile)
        return self._table.update_op(*key, change, _IS_OLDER, epoch=member.epoch, **copied)

    def advance(self, copy: ProfileCopy) -> bool:
        """Save the position of copies of the same version."""
        return self._table.try_update(
            *profile_copy_key(copy.job_id),
            "SET #position = :position, #notified = :notified",
            "#version = :version",
            position=copy.position,
            notified=copy.notified,
            version=copy.version,
        )

    def complete(self, copy: ProfileCopy) -> bool:
        """Delete the progress of copies of the same version."""
        return self._table.try_delete(*profile_copy_key(copy.job_id), "#version = :version", version=copy.version)

    def pending(self, after: str | None, limit: int) -> list[str]:
        """Return the ids of pending copies, in their order."""
        between = ("0" if after is None else sk_after(after), LAST)
        return [item["sk"] for item in self._table.query(PROFILE_COPIES, between=between, limit=limit)]


def _copied(profile: Profile, *assignments: str) -> tuple[str, dict[str, Any]]:
    """Return the update that copies a profile, with other assignments, and its values."""
    values: dict[str, Any] = {"profile_version": profile.version, "profile_name": profile.name}
    if profile.avatar_url is not None:
        values["avatar_url"] = profile.avatar_url
    change = "SET " + ", ".join([*assignments, *(f"#{name} = :{name}" for name in values)])
    return change if profile.avatar_url is not None else f"{change} REMOVE #avatar_url", values


def _profile_to_item(profile: Profile) -> Item:
    pk, sk = profile_key(profile.participant_id)
    return {
        "pk": pk,
        "sk": sk,
        "name": profile.name,
        "avatar_url": profile.avatar_url,
        "metadata": json_codec.dumps(profile.metadata),
        "version": profile.version,
        "updated_at": profile.updated_at,
    }


def _profile_from_item(participant_id: str, item: Item) -> Profile:
    return Profile(
        participant_id,
        item["name"],
        item.get("avatar_url"),
        json_codec.parse(item["metadata"].encode()),
        item["version"],
        item["updated_at"],
    )


def _copy_to_item(copy: ProfileCopy) -> Item:
    pk, sk = profile_copy_key(copy.job_id)
    return {"pk": pk, "sk": sk} | {name: value for name, value in copy._asdict().items() if name != "job_id"}
