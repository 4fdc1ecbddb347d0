"""Serializers of the objects in responses, events and frames: the models as dictionaries for JSON.

They build our own data, so nothing is validated at run time; tests check every frame and response against the
published documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import ConversationDetails, Head, Membership, OtherParticipant
from chalicelib.core.model.events import Reaction

if TYPE_CHECKING:  # TypedDicts take long to create, and nothing needs them at run time
    from chalicelib.core.model import consent, profiles
    from chalicelib.core.model import moderation as model
    from chalicelib.core.protocol.objects import (
        AddedParticipant,
        AuditEntry,
        Ban,
        BannedRef,
        Conversation,
        Invite,
        ListedInvite,
        Participant,
        ParticipantRef,
        ParticipantView,
        PendingMembership,
        PendingParticipant,
        PersonalState,
    )
    from chalicelib.core.protocol.objects import OtherParticipant as OtherView
    from chalicelib.core.protocol.profile_objects import Profile
    from chalicelib.core.protocol.reaction_objects import ReactionDetail


def participant_ref(actor: Actor) -> ParticipantRef:
    """Return a reference to a participant."""
    return {"participant_id": actor.participant_id, "name": actor.name, "type": actor.type}


def participant(member: Membership, *, online: bool) -> Participant:
    """Return a member as the other participants see it."""
    found: Participant = {
        "participant_id": member.participant_id,
        "name": member.name,
        "type": member.type,
        "role": member.role,
        "joined_at": rfc3339(member.joined_at),
        "online": online,
    }
    if member.muted_until:
        found["muted_until"] = rfc3339(member.muted_until)
    return found


def participant_view(member: Membership, *, online: bool) -> ParticipantView:
    """Return a member as the other participants see it, with avatar and read pointer. Events have neither."""
    shown = {**participant(member, online=online), "read_up_to": member.read_up_to}
    view = cast("ParticipantView", shown)
    if member.avatar_url is not None:
        view["avatar_url"] = member.avatar_url
    return view


def banned_ref(ban: model.Ban) -> BannedRef:
    """Return a reference to a banned person."""
    ref: BannedRef = {"participant_id": ban.participant_id}
    if ban.name is not None:
        ref["name"] = ban.name
    return ref


def ban(ban: model.Ban) -> Ban:
    """Return a ban."""
    return {**banned_ref(ban), "banned_by": ban.banned_by, "banned_at": rfc3339(ban.banned_at)}


def added_participant(member: Membership) -> AddedParticipant:
    """Return a member whom another one has just added."""
    return {**participant_view(member, online=False), "membership": "active"}


def pending_participant(entry: consent.PendingMembership) -> PendingParticipant:
    """Return a pending membership, as owners and moderators see it."""
    return {
        "participant_id": entry.participant_id,
        "name": entry.name,
        "role": entry.role,
        "membership": "pending",
        "added_by": participant_ref(entry.adder),
        "added_at": rfc3339(entry.added_at),
        "expires_at": rfc3339(1000 * entry.expires_at),
    }


def other_participant(noted: OtherParticipant) -> OtherView:
    """Return the other participant of a direct conversation."""
    shown: OtherView = {"participant_id": noted.participant_id, "name": noted.name, "type": noted.type}
    if noted.avatar_url is not None:
        shown["avatar_url"] = noted.avatar_url
    return shown


def invitee(member: Membership, noted: OtherParticipant) -> PendingParticipant:
    """Return the participant with whom a member has opened a direct conversation, until they accept it."""
    return {
        "participant_id": noted.participant_id,
        "name": noted.name,
        "role": "member",
        "membership": "pending",
        "added_by": participant_ref(member.actor),
        "added_at": rfc3339(member.joined_at),
        "expires_at": rfc3339(1000 * noted.expires_at),
    }


def pending_membership(entry: consent.PendingMembership) -> PendingMembership:
    """Return a pending membership, as its participant sees it."""
    shown: PendingMembership = {
        "conversation_id": entry.conversation_id,
        "title": entry.title,
        "role": entry.role,
        "membership": "pending",
        "added_by": participant_ref(entry.adder),
        "added_at": rfc3339(entry.added_at),
        "expires_at": rfc3339(1000 * entry.expires_at),
    }
    if entry.is_direct:
        shown["direct"] = True
    return shown


def profile(shown: profiles.Profile) -> Profile:
    """Return a profile, as its participant sees it."""
    found: Profile = {
        "name": shown.name,
        "metadata": dict(shown.metadata),
        "updated_at": rfc3339(shown.updated_at),
    }
    if shown.avatar_url is not None:
        found["avatar_url"] = shown.avatar_url
    return found


def invite(invite: model.Invite) -> Invite:
    """Return an invite, without its secret."""
    return {
        "invite_id": invite.invite_id,
        "expires_at": rfc3339(1000 * invite.expires_at),
        "max_uses": invite.max_uses,
    }


def listed_invite(listed: model.Invite) -> ListedInvite:
    """Return an invite as an entry of a list."""
    return {
        **invite(listed),
        "created_by": listed.created_by,
        "created_at": rfc3339(listed.created_at),
        "uses": listed.uses,
    }


def audit_entry(record: model.AuditRecord) -> AuditEntry:
    """Return an entry of the audit log."""
    entry = record.entry
    found: AuditEntry = {
        "sequence_id": record.sequence_id,
        "created_at": rfc3339(record.created_at),
        "action": entry.action,
        "actor_id": entry.actor_id,
    }
    if entry.participant_id is not None:
        found["participant_id"] = entry.participant_id
    if entry.target is not None:
        found["target"] = entry.target
    if entry.role is not None:
        found["role"] = entry.role
    if entry.muted_until is not None:
        found["muted_until"] = rfc3339(entry.muted_until)
    if entry.invite_id is not None:
        found["invite_id"] = entry.invite_id
    if entry.service is not None:
        found["service"] = entry.service
    return found


def conversation(head: Head, details: ConversationDetails) -> Conversation:
    """Return a conversation, without the fields that depend on the reader."""
    view: Conversation = {
        "conversation_id": head.conversation_id,
        "title": details.title,
        "created_at": rfc3339(details.created_at),
        "created_by": details.created_by,
        "updated_at": rfc3339(head.updated_at),
        "join_policy": details.join_policy,
        "metadata": details.metadata,
        "head": head.sequence_id,
        "message_count": head.message_count,
        "participant_count": head.participant_count,
    }
    if details.retention_days is not None:
        view["retention_days"] = details.retention_days
    if head.direct:
        view["direct"] = True
    return view


def personal_state(member: Membership) -> PersonalState:
    """Return the state of a conversation for a member alone."""
    return {
        "archived": member.archived,
        "pinned": member.pinned,
        "notifications_muted": member.notifications_muted,
    }


def reaction_detail(reaction: Reaction) -> ReactionDetail:
    """Return one reaction."""
    return {
        "participant_id": reaction.participant_id,
        "emoji": reaction.emoji,
        "sequence_id": reaction.sequence_id,
    }
