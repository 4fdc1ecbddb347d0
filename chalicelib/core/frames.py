"""What we say: the objects of answers and the frames of pushes, as they stand on the wire.

These are our own data, so they are typed and not validated at run time; tests validate every one of them
against these types. What clients say is in `requests.py`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from .clock import rfc3339
from .errors import ChatError, Problem
from .model import Head, Info, JoinPolicy, Membership, ParticipantType, Person, Role, Socket

PROTOCOL = 1
MAX_PARTICIPANTS_IN_A_FRAME = 100


class PersonRef(TypedDict):
    """Somebody as `sender` of an event or `participant` of a frame."""

    participant_id: str
    name: str
    type: ParticipantType


class Participant(PersonRef):
    """A participant of a conversation."""

    role: Role
    joined_at: str
    online: bool


class Event(TypedDict):
    """One entry of a conversation's log; which of the optional fields are there depends on `type`."""

    conversation_id: str
    sequence_id: int
    type: Literal[
        "conversation_created",
        "message",
        "participant_joined",
        "participant_left",
        "participant_updated",
        "conversation_updated",
    ]
    created_at: str
    sender: PersonRef
    message_id: NotRequired[str]
    client_message_id: NotRequired[str]
    content: NotRequired[str]
    reply_to: NotRequired[int]
    mentions: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]
    title: NotRequired[str]
    join_policy: NotRequired[JoinPolicy]
    participants: NotRequired[list[Participant]]
    participants_more: NotRequired[bool]
    participant: NotRequired[Participant]
    reason: NotRequired[Literal["joined", "added", "left", "removed"]]


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
    participants: NotRequired[list[Participant]]
    participants_more: NotRequired[bool]
    last_message: NotRequired[Event]
    unread_count: NotRequired[int]
    read_up_to: NotRequired[int]
    messages: NotRequired[list[Event]]


Frame = dict[str, Any]
"""Any frame that we send; the functions below make them."""


def person_ref(person: Person) -> PersonRef:
    """Somebody as a reference."""
    return {"participant_id": person.participant_id, "name": person.name, "type": person.type}


def participant(member: Membership, *, online: bool) -> Participant:
    """A member as a participant."""
    return {
        "participant_id": member.participant_id,
        "name": member.name,
        "type": member.type,
        "role": member.role,
        "joined_at": rfc3339(member.joined_at),
        "online": online,
    }


def conversation(head: Head, info: Info) -> Conversation:
    """A conversation without what differs from reader to reader."""
    return {
        "conversation_id": head.conversation_id,
        "title": info.title,
        "created_at": rfc3339(info.created_at),
        "created_by": info.created_by,
        "updated_at": rfc3339(head.updated_at),
        "join_policy": info.join_policy,
        "metadata": info.metadata,
        "head": head.sequence_id,
        "participant_count": head.participants,
    }


def framed(event: dict[str, Any]) -> dict[str, Any]:
    """An event as it stands in frames: a long list of participants is cut, and says so."""
    participants = event.get("participants", [])
    if len(participants) <= MAX_PARTICIPANTS_IN_A_FRAME:
        return event
    return {**event, "participants": participants[:MAX_PARTICIPANTS_IN_A_FRAME], "participants_more": True}


def event_push(event: dict[str, Any]) -> Frame:
    """Push: a durable event of a conversation that the socket is subscribed to."""
    return {"type": "event", "event": framed(event)}


def typing_push(conversation_id: str, person: Person, is_typing: bool) -> Frame:
    """Push: somebody begins or stops to write."""
    return {
        "type": "typing",
        "conversation_id": conversation_id,
        "participant": person_ref(person),
        "is_typing": is_typing,
    }


def presence_push(conversation_id: str, person: Person, online: bool) -> Frame:
    """Push: a participant's first socket came to listen, or the last one went."""
    return {
        "type": "presence",
        "conversation_id": conversation_id,
        "participant": person_ref(person),
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
    return {"type": "added", "conversation": of}


def removed_push(conversation_id: str, reason: str) -> Frame:
    """Push to a participant's sockets: a conversation that they are no longer in."""
    return {"type": "removed", "conversation_id": conversation_id, "reason": reason}


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


def welcome(socket: Socket, person: Person, *, ping_interval: int, limits: dict[str, int]) -> Frame:
    """Answer to `hello`."""
    return {
        "type": "welcome",
        "connection_id": socket.connection_id,
        "participant": person_ref(person),
        "protocol": PROTOCOL,
        "expires_at": rfc3339(socket.token_expires_at * 1000),
        "ping_interval": ping_interval,
        "limits": limits,
    }
