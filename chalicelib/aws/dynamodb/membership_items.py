"""The items of members: memberships with their roster entries, past memberships, and footprints.

The own messages after the read pointer are two sets of numbers in the membership, of which the union counts. An
append adds to one set and deletes obsolete numbers from the other: one update cannot do both to the same set. So
neither needs a condition, and concurrent appends and moves of the pointer lose nothing.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.aws.dynamodb.keys import (
    footprint_key,
    membership_key,
    past_membership_key,
    roster_key,
    sanctions_key,
)
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Membership, OtherParticipant, PastMembership
from chalicelib.core.model.read_pointers import newest

PERSONAL = ("archived", "pinned", "notifications_muted")
"""The attributes of the personal state, which are absent or true."""
OWN_UNREAD = ("own_unread_0", "own_unread_1")
"""The attributes with the two sets."""


def membership_to_items(member: Membership) -> tuple[Item, Item]:
    """Return the items of a membership: the authoritative one, and the roster entry, which has no read pointer."""
    pk, sk = membership_key(member.conversation_id, member.participant_id)
    roster_pk, roster_sk = roster_key(member.conversation_id, member.participant_id)
    return (
        {"pk": pk, "sk": sk} | membership_attributes(member),
        {"pk": roster_pk, "sk": roster_sk} | _roster_attributes(member) | {"avatar_url": member.avatar_url},
    )


def membership_attributes(member: Membership) -> Item:
    """Return the attributes of a membership without its key."""
    return _roster_attributes(member) | {
        "read_up_to": member.read_up_to,
        "read_message_count": member.read_message_count,
        OWN_UNREAD[0]: member.own_unread or None,
        "archived": member.archived or None,
        "pinned": member.pinned or None,
        "hidden_at": member.hidden_at or None,
        "other": None if member.other is None else other_attributes(member.other),
    }


def other_attributes(other: OtherParticipant) -> Item:
    """Return the note of the other participant of a direct conversation."""
    return {name: value for name, value in other._asdict().items() if value}


def actor_changes(member: Membership, actor: Actor) -> dict[str, str]:
    """Return the attributes of a membership that differ from the member's token, which a write takes along."""
    present = {"name": actor.name, "type": actor.type}
    return {attribute: value for attribute, value in present.items() if value != getattr(member, attribute)}


def queued_membership_attributes(member: Membership) -> Item:
    """Return the same for the sender of a queued run, of whose own messages only the obsolete ones matter."""
    obsolete = {name: numbers or None for name, numbers in zip(OWN_UNREAD, member.own_obsolete, strict=True)}
    return membership_attributes(replace(member, other=None)) | obsolete


def queued_membership_from_item(item: Item) -> Membership:
    """Return the sender of a queued run."""
    return replace(membership_from_item(item), own_unread=frozenset(), own_obsolete=_own_sets(item))


def _roster_attributes(member: Membership) -> Item:
    return {
        "conversation_id": member.conversation_id,
        "participant_id": member.participant_id,
        "name": member.name,
        "type": member.type,
        "role": member.role,
        "joined_at": member.joined_at,
        "epoch": member.epoch,
        "muted_until": member.muted_until or None,
        "is_added": member.is_added or None,
        "profile_version": member.profile_version or None,
        "profile_name": member.name if member.profile_version else None,
        "is_service": member.is_service or None,
        "notifications_muted": member.notifications_muted or None,
    }


def membership_from_item(item: Item) -> Membership:
    """Return a membership. That of a roster entry has no read pointer."""
    read_up_to, own_sets = item.get("read_up_to", 0), _own_sets(item)
    own_unread = newest(own_sets[0] | own_sets[1], read_up_to)
    return Membership(
        conversation_id=item["conversation_id"],
        participant_id=item["participant_id"],
        name=item.get("profile_name") or item["name"],
        type=item["type"],
        role=item["role"],
        joined_at=item["joined_at"],
        epoch=item["epoch"],
        read_up_to=read_up_to,
        read_message_count=item.get("read_message_count", 0),
        muted_until=item.get("muted_until", 0),
        own_unread=own_unread,
        own_obsolete=(own_sets[0] - own_unread, own_sets[1] - own_unread),
        is_added="is_added" in item,
        avatar_url=item.get("avatar_url"),
        profile_version=item.get("profile_version", 0),
        is_service="is_service" in item,
        **{name: name in item for name in PERSONAL},
        hidden_at=item.get("hidden_at", 0),
        other=OtherParticipant(**noted) if (noted := item.get("other")) else None,
    )


def _own_sets(item: Item) -> tuple[frozenset[int], frozenset[int]]:
    return item.get(OWN_UNREAD[0], frozenset()), item.get(OWN_UNREAD[1], frozenset())


def past_membership_to_item(member: Membership, removed_at_event: int) -> Item:
    """Return the item that remains of a membership that ends; `removed_at_event` is 0 if the member leaves."""
    pk, sk = past_membership_key(member.conversation_id, member.participant_id)
    return {
        "pk": pk,
        "sk": sk,
        "read_up_to": member.read_up_to,
        "read_message_count": member.read_message_count,
        "muted_until": member.muted_until or None,
        "own_unread": member.own_unread or None,
        "removed_at_event": removed_at_event or None,
    }


def past_membership_from_item(item: Item) -> PastMembership | None:
    """Return a past membership; None if the item only marks a ban of a participant who never was a member."""
    if "read_up_to" not in item:
        return None
    return PastMembership(
        item["read_up_to"],
        item["read_message_count"],
        item.get("muted_until", 0),
        item.get("own_unread", frozenset()),
        item.get("removed_at_event", 0),
    )


def sanctions_to_item(conversation_id: str, participant_id: str, sanctions: PastMembership) -> Item:
    """Return the item of the sanctions that outlast an erasure. A mute alone expires with the mute."""
    pk, sk = sanctions_key(conversation_id, participant_id)
    return {
        "pk": pk,
        "sk": sk,
        "muted_until": sanctions.muted_until,
        "removed_at_event": sanctions.removed_at_event,
        "expires_at": None if sanctions.removed_at_event else sanctions.muted_until // 1000 + 1,
    }


def sanctions_from_item(item: Item) -> PastMembership:
    """Return the sanctions on an erased participant."""
    return PastMembership(None, 0, item["muted_until"], removed_at_event=item["removed_at_event"])


def footprint_to_item(conversation_id: str, participant_id: str) -> Item:
    """Return the item of a footprint."""
    pk, sk = footprint_key(conversation_id, participant_id)
    return {"pk": pk, "sk": sk, "conversation_id": conversation_id, "participant_id": participant_id}
