"""What we say: the objects of answers and the frames of pushes, as they stand on the wire.

These are our own data, so they are typed and not validated at run time; tests validate every one of them
against these types. What clients say is in `requests.py`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.kernel.errors import ChatError, Problem
from chalicelib.core.model import moderation as model
from chalicelib.core.model.actors import Actor, ParticipantType, Role
from chalicelib.core.model.connections import Connection
from chalicelib.core.model.conversations import ConversationDetails, Head, JoinPolicy, Membership
from chalicelib.core.model.events import Reaction
from chalicelib.core.model.moderation import AuditAction

PROTOCOL = 1
MAX_PARTICIPANTS_IN_A_FRAME = 100


class ParticipantRef(TypedDict):
    """Somebody as `sender` of an event or `participant` of a frame."""

    participant_id: str
    name: str
    type: ParticipantType


class Participant(ParticipantRef):
    """A participant of a conversation."""

    role: Role
    joined_at: str
    online: bool
    muted_until: NotRequired[str]


class BannedRef(TypedDict):
    """The `participant` of events about a ban: somebody who is not in, and may never have been."""

    participant_id: str
    name: NotRequired[str]


class Ban(BannedRef):
    """Somebody who is banned."""

    banned_by: str
    banned_at: str


class Invite(TypedDict):
    """What is told of an invite when it is made, beside its secret."""

    invite_id: str
    expires_at: str
    max_uses: int | None


class ListedInvite(Invite):
    """An invite in a list."""

    created_by: str
    created_at: str
    uses: int


class AuditEntry(TypedDict):
    """That somebody used a right of theirs; which of the optional fields are there depends on `act`."""

    sequence_id: int
    created_at: str
    action: AuditAction
    actor_id: str
    participant_id: NotRequired[str]
    target: NotRequired[int]
    role: NotRequired[Role]
    muted_until: NotRequired[str]
    invite_id: NotRequired[str]


class ReactionCount(TypedDict):
    """How many people reacted to a message with one emoji."""

    emoji: str
    count: int


class Event(TypedDict):
    """One entry of a conversation's log; which of the optional fields are there depends on `type`."""

    conversation_id: str
    sequence_id: int
    type: Literal[
        "conversation_created",
        "message",
        "message_edited",
        "message_deleted",
        "reaction_added",
        "reaction_removed",
        "participant_joined",
        "participant_left",
        "participant_updated",
        "participant_banned",
        "participant_unbanned",
        "conversation_updated",
        "participant_erased",
        "content_expired",
    ]
    created_at: str
    sender: ParticipantRef
    message_id: NotRequired[str]
    client_message_id: NotRequired[str]
    content: NotRequired[str]
    reply_to: NotRequired[int]
    mentions: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]
    edited_at: NotRequired[str]
    deleted_at: NotRequired[str]
    expired: NotRequired[Literal[True]]
    reactions: NotRequired[list[ReactionCount]]
    version: NotRequired[int]
    target: NotRequired[int]
    emoji: NotRequired[str]
    title: NotRequired[str]
    join_policy: NotRequired[JoinPolicy]
    retention_days: NotRequired[int | None]
    participant_id: NotRequired[str]
    up_to: NotRequired[int]
    participants: NotRequired[list[Participant]]
    participants_truncated: NotRequired[bool]
    participant: NotRequired[Participant | BannedRef]
    reason: NotRequired[Literal["joined", "added", "left", "removed", "banned"]]


class ReactionDetail(TypedDict):
    """One person's reaction to a message."""

    participant_id: str
    emoji: str
    sequence_id: int


class Conversation(TypedDict):
    """A conversation as its participants see it."""

    conversation_id: str
    title: str
    created_at: str
    created_by: str
    updated_at: str
    join_policy: JoinPolicy
    metadata: dict[str, Any]
    head: int
    participant_count: int
    retention_days: NotRequired[int]
    participants: NotRequired[list[Participant]]
    participants_truncated: NotRequired[bool]
    last_message: NotRequired[Event]
    unread_count: NotRequired[int]
    read_up_to: NotRequired[int]
    messages: NotRequired[list[Event]]


Frame = dict[str, Any]
"""Any frame that we send; the functions below make them."""


def participant_ref(person: Actor) -> ParticipantRef:
    """Somebody as a reference."""
    return {"participant_id": person.participant_id, "name": person.name, "type": person.type}


def participant(member: Membership, *, online: bool) -> Participant:
    """A member as a participant."""
    seen: Participant = {
        "participant_id": member.participant_id,
        "name": member.name,
        "type": member.type,
        "role": member.role,
        "joined_at": rfc3339(member.joined_at),
        "online": online,
    }
    if member.muted_until:
        seen["muted_until"] = rfc3339(member.muted_until)
    return seen


def banned_ref(ban: model.Ban) -> BannedRef:
    """Somebody who is banned, as a reference."""
    ref: BannedRef = {"participant_id": ban.participant_id}
    if ban.name is not None:
        ref["name"] = ban.name
    return ref


def ban(ban: model.Ban) -> Ban:
    """A ban."""
    return {**banned_ref(ban), "banned_by": ban.banned_by, "banned_at": rfc3339(ban.banned_at)}


def invite(invite: model.Invite) -> Invite:
    """A new invite."""
    return {
        "invite_id": invite.invite_id,
        "expires_at": rfc3339(1000 * invite.expires_at),
        "max_uses": invite.max_uses,
    }


def listed_invite(listed: model.Invite) -> ListedInvite:
    """An invite."""
    return {
        **invite(listed),
        "created_by": listed.created_by,
        "created_at": rfc3339(listed.created_at),
        "uses": listed.uses,
    }


def audit_entry(audited: model.AuditRecord) -> AuditEntry:
    """An entry of the audit."""
    entry = audited.entry
    told: AuditEntry = {
        "sequence_id": audited.sequence_id,
        "created_at": rfc3339(audited.created_at),
        "action": entry.action,
        "actor_id": entry.actor_id,
    }
    if entry.participant_id is not None:
        told["participant_id"] = entry.participant_id
    if entry.target is not None:
        told["target"] = entry.target
    if entry.role is not None:
        told["role"] = entry.role
    if entry.muted_until is not None:
        told["muted_until"] = rfc3339(entry.muted_until)
    if entry.invite_id is not None:
        told["invite_id"] = entry.invite_id
    return told


def conversation(head: Head, info: ConversationDetails) -> Conversation:
    """A conversation without what differs from reader to reader."""
    view: Conversation = {
        "conversation_id": head.conversation_id,
        "title": info.title,
        "created_at": rfc3339(info.created_at),
        "created_by": info.created_by,
        "updated_at": rfc3339(head.updated_at),
        "join_policy": info.join_policy,
        "metadata": info.metadata,
        "head": head.sequence_id,
        "participant_count": head.participant_count,
    }
    if info.retention_days is not None:
        view["retention_days"] = info.retention_days
    return view


def reaction_detail(reaction: Reaction) -> ReactionDetail:
    """One reaction, as those who may read the message see it."""
    return {
        "participant_id": reaction.participant_id,
        "emoji": reaction.emoji,
        "sequence_id": reaction.sequence_id,
    }


def cap_participants(event: dict[str, Any]) -> dict[str, Any]:
    """An event as it stands in frames: a long list of participants is cut, and says so."""
    participants = event.get("participants", [])
    if len(participants) <= MAX_PARTICIPANTS_IN_A_FRAME:
        return event
    return {**event, "participants": participants[:MAX_PARTICIPANTS_IN_A_FRAME], "participants_truncated": True}


def event_push(event: dict[str, Any]) -> Frame:
    """Push: a durable event of a conversation that the socket is subscribed to."""
    return {"type": "event", "event": cap_participants(event)}


def typing_push(conversation_id: str, person: Actor, is_typing: bool) -> Frame:
    """Push: somebody begins or stops to write."""
    return {
        "type": "typing",
        "conversation_id": conversation_id,
        "participant": participant_ref(person),
        "is_typing": is_typing,
    }


def presence_push(conversation_id: str, person: Actor, online: bool) -> Frame:
    """Push: a participant's first socket came to listen, or the last one went."""
    return {
        "type": "presence",
        "conversation_id": conversation_id,
        "participant": participant_ref(person),
        "online": online,
    }


def read_push(conversation_id: str, participant_id: str, sequence_id: int) -> Frame:
    """Push: somebody's read pointer moved."""
    return {
        "type": "read",
        "conversation_id": conversation_id,
        "participant_id": participant_id,
        "sequence_id": sequence_id,
    }


def added_push(of: Conversation) -> Frame:
    """Push to a participant's sockets: a conversation that they are in from now on."""
    return {"type": "conversation_added", "conversation": of}


def removed_push(conversation_id: str, reason: str) -> Frame:
    """Push to a participant's sockets: a conversation that they are no longer in."""
    return {"type": "conversation_removed", "conversation_id": conversation_id, "reason": reason}


def deleted_push(conversation_id: str) -> Frame:
    """Push: the conversation is no more."""
    return {"type": "conversation_deleted", "conversation_id": conversation_id}


def disconnect(code: str, reason: str, *, reconnect: bool, retry_after: float | None = None) -> Frame:
    """The last frame before we close a socket: API Gateway lets nobody choose a close code."""
    frame: Frame = {"type": "disconnect", "code": code, "reason": reason, "reconnect": reconnect}
    if retry_after is not None:
        frame["retry_after"] = retry_after
    return frame


def error(problem: ChatError, echo: dict[str, str] | None = None) -> Frame:
    """Answer: a command failed. `echo` repeats what tells the client which one."""
    body = problem.body()
    frame: Frame = {
        "type": "error",
        "code": body["code"],
        "message": body["message"],
        "retryable": problem.retryable,
    }
    details: list[Problem] | None = body.get("details")
    if details is not None:
        frame["details"] = details
    if "retry_after" in body:
        frame["retry_after"] = body["retry_after"]
    return frame | (echo or {})


def welcome(socket: Connection, person: Actor, *, ping_interval: int, limits: dict[str, int]) -> Frame:
    """Answer to `hello`."""
    return {
        "type": "welcome",
        "connection_id": socket.connection_id,
        "participant": participant_ref(person),
        "protocol": PROTOCOL,
        "expires_at": rfc3339(socket.token_expires_at * 1000),
        "ping_interval": ping_interval,
        "limits": limits,
    }
