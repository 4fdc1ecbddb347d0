"""Builders of the frames that the server sends. `serializers.py` has those of the objects in them.

Nothing is validated at run time: tests check every frame against the published documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.history_id import MAX_HISTORY_ID_CHARACTERS, HistoryId
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.connections import Connection
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.read_pointers import unread_count
from chalicelib.core.protocol.serializers import participant_ref, personal_state

if TYPE_CHECKING:
    from chalicelib.core.model.profiles import Profile

    # TypedDicts take long to create, and nothing needs them at run time
    from chalicelib.core.protocol.objects import Conversation, PendingMembership
    from chalicelib.core.protocol.report_objects import Report

PROTOCOL = 1
MAX_PARTICIPANTS_IN_A_FRAME = 100
MAX_FRAME_BYTES = 32 * 1024
"""The largest payload that API Gateway delivers as one frame (quotas for WebSocket APIs)."""
ID_BYTES = 2 * 1024
"""The part of a reply for the `id` of the command: up to 256 characters, of up to 6 bytes each as JSON."""

HISTORY_ID_BYTES = MAX_HISTORY_ID_CHARACTERS + len(',"history_id":""')
"""The part of a frame for the `history_id`, which is added when the frame is posted."""

Frame = dict[str, Any]
"""A frame that the server sends."""

WITH_HISTORY_ID = frozenset(
    {
        *("welcome", "subscribed", "sync", "pong", "message_ack", "ack", "read_ack", "batch_result"),
        *("events", "read", "conversation_added", "report", "activity"),
    }
)
"""The types of frames with a sequence id or a head."""


def with_history_id(frame: Frame, history_id: HistoryId) -> Frame:
    """Return a frame with the history of its sequence ids, if it has any."""
    return {**frame, "history_id": str(history_id)} if frame["type"] in WITH_HISTORY_ID else frame


def cap_participants(event: Event) -> Event:
    """Return an event for a frame: its list of participants is cut at the maximum, and marked as truncated."""
    participants = event.get("participants", [])
    if len(participants) <= MAX_PARTICIPANTS_IN_A_FRAME:
        return event
    return {**event, "participants": participants[:MAX_PARTICIPANTS_IN_A_FRAME], "participants_truncated": True}


def events_pushes(conversation_id: str, events: Iterable[Event]) -> list[Frame]:
    """Return the pushes of events of one conversation: as few as possible, of at most `MAX_FRAME_BYTES` each.

    Each has contiguous events. A larger event is alone in its frame.
    """
    pushes: list[Frame] = []
    room, following = 0, 0
    for event in map(cap_participants, events):
        size = json_codec.size(event) + 1
        if size > room or event["sequence_id"] != following:
            pushes.append({"type": "events", "conversation_id": conversation_id, "events": []})
            room = MAX_FRAME_BYTES - HISTORY_ID_BYTES - json_codec.size(pushes[-1]) + 1
        pushes[-1]["events"].append(event)
        room -= size
        following = event["sequence_id"] + 1
    return pushes


def read_ack(conversation_id: str, pointer: Mapping[str, int]) -> Frame:
    """Return the reply to `read`."""
    return {"type": "read_ack", "conversation_id": conversation_id, **pointer}


def batch_result(results: Sequence[Frame]) -> Frame:
    """Return the reply to a batch, of at most `MAX_FRAME_BYTES`.

    Acknowledgements of a full batch always fit without `stored`, which they lose first. If errors do not, they
    lose their details, then the fields that repeat the command: a result is identified by its position.
    """
    repeating = ("stored", "details", "id", "client_message_id", "conversation_id")
    for optional in ((), ("stored",), ("stored", "details"), repeating):
        fitted = [_without(result, optional) for result in results]
        frame: Frame = {"type": "batch_result", "results": fitted}
        if json_codec.size(frame) <= MAX_FRAME_BYTES - HISTORY_ID_BYTES - ID_BYTES:
            break
    return frame


def _without(result: Frame, names: Sequence[str]) -> Frame:
    if result["type"] != "error":
        names = [name for name in names if name in ("id", "stored")]
    return {name: value for name, value in result.items() if name not in names}


def superseded(conversation_id: str) -> Frame:
    """Return the reply to a `subscribe` or `unsubscribe` that was overtaken by a later one and changed nothing."""
    return {"type": "superseded", "conversation_id": conversation_id}


def typing_push(conversation_id: str, actor: Actor, *, is_typing: bool, sent_at: int) -> Frame:
    """Return the push of a participant who starts or stops typing; the command arrived at `sent_at` (ms)."""
    return {
        "type": "typing",
        "conversation_id": conversation_id,
        "participant": participant_ref(actor),
        "is_typing": is_typing,
        "sent_at": rfc3339(sent_at),
    }


def presence_push(conversation_id: str, actor: Actor, online: bool) -> Frame:
    """Return the push of a participant who is now online or offline."""
    return {
        "type": "presence",
        "conversation_id": conversation_id,
        "participant": participant_ref(actor),
        "online": online,
    }


def read_push(conversation_id: str, participant_id: str, sequence_id: int) -> Frame:
    """Return the push of a read pointer that moved."""
    return {
        "type": "read",
        "conversation_id": conversation_id,
        "participant_id": participant_id,
        "sequence_id": sequence_id,
    }


def own_read_push(head: Head, member: Membership) -> Frame:
    """Return the push of a read pointer to its member, with the counts for a badge, as of this head."""
    return {
        **read_push(head.conversation_id, member.participant_id, member.read_up_to),
        "head": head.sequence_id,
        "read_up_to": member.read_up_to,
        "message_count": head.message_count,
        "unread_count": unread_count(head, member),
    }


def personal_state_push(member: Membership) -> Frame:
    """Return the push of the state of a conversation for a member alone."""
    return {
        "type": "personal_state",
        "conversation_id": member.conversation_id,
        "me": personal_state(member),
    }


def added_push(conversation: Conversation) -> Frame:
    """Return the push to a new participant of a conversation."""
    return {"type": "conversation_added", "conversation": conversation}


def invited_push(membership: PendingMembership) -> Frame:
    """Return the push to a participant who was added by another one, and can accept it."""
    return {"type": "invited", **membership}


def report_push(report: Report) -> Frame:
    """Return the push to owners and moderators of a message that was reported."""
    return {"type": "report", "report": report}


def profile_push(profile: Profile, actor: Actor) -> Frame:
    """Return the push of a profile that was changed. `actor` has the type of the participant."""
    ref = {"participant_id": profile.participant_id, "name": profile.name, "type": actor.type}
    frame: Frame = {"type": "profile", "participant": ref, "updated_at": rfc3339(profile.updated_at)}
    return frame if profile.avatar_url is None else {**frame, "avatar_url": profile.avatar_url}


def removed_push(conversation_id: str, reason: str) -> Frame:
    """Return the push to a participant who left a conversation, or was removed."""
    return {"type": "conversation_removed", "conversation_id": conversation_id, "reason": reason}


def deleted_push(conversation_id: str) -> Frame:
    """Return the push of a deleted conversation."""
    return {"type": "conversation_deleted", "conversation_id": conversation_id}


def disconnect(code: str, reason: str, *, reconnect: bool, retry_after: float | None = None) -> Frame:
    """Return the last frame before the server closes a connection. API Gateway does not allow a close code."""
    frame: Frame = {"type": "disconnect", "code": code, "reason": reason, "reconnect": reconnect}
    if retry_after is not None:
        frame["retry_after"] = retry_after
    return frame


def error(problem: ChatError, echo: dict[str, str] | None = None) -> Frame:
    """Return the reply to a command that failed. `echo` repeats the fields that identify the command."""
    return {"type": "error", **problem.body(), "retryable": problem.retryable, **(echo or {})}


def welcome(connection: Connection, actor: Actor, *, timing: Timing, limits: dict[str, int]) -> Frame:
    """Return the reply to `hello`."""
    return {
        "type": "welcome",
        "connection_id": connection.connection_id,
        "participant": participant_ref(actor),
        "protocol": PROTOCOL,
        "expires_at": rfc3339(connection.token_expires_at * 1000),
        "ping_interval": timing.ping_interval,
        "typing_expires": timing.typing_expires,
        "limits": limits,
    }
