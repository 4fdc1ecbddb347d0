"""The routes of participants: joining and leaving, adding and removing, roles and mutes."""

from __future__ import annotations

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    Banned,
    ConversationLimit,
    ErasureRunning,
    Forbidden,
    LastOwner,
    Muted,
    ParticipantLimit,
    RateLimited,
    RefusedByHook,
)
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route


@route(
    "POST",
    "/conversations/{conversation_id}/join",
    {200: "Conversation"},
    body=requests.Join,
    errors=(AlreadyParticipant, ErasureRunning, ParticipantLimit, ConversationLimit, RateLimited),
    revocation="read",
)
def join_conversation(call: AuthenticatedRequest, conversation_id: str, body: requests.Join) -> Result:
    """Join an open conversation, or with an invite, or accept a pending membership."""
    return bootstrap.application().conversations.members.join(call.caller, conversation_id, body.invite)


@route(
    "POST",
    "/conversations/{conversation_id}/leave",
    {200: "LeaveResult"},
    body=requests.EmptyBody,
    errors=(RateLimited,),
)
def leave_conversation(call: AuthenticatedRequest, conversation_id: str) -> Result:
    """Leave a conversation, or decline a pending membership."""
    return bootstrap.application().conversations.members.leave(call.caller, conversation_id)


@route(
    "POST",
    "/conversations/{conversation_id}/participants",
    {201: "Addition"},
    body=requests.NewParticipant,
    errors=(Forbidden, Muted, AlreadyParticipant, Banned, ParticipantLimit, RefusedByHook, RateLimited),
)
def add_participant(call: AuthenticatedRequest, conversation_id: str, body: requests.NewParticipant) -> Result:
    """Add a participant, at once or pending their acceptance."""
    return bootstrap.application().conversations.additions.add(call.caller, conversation_id, body)


@route(
    "PATCH",
    "/conversations/{conversation_id}/participants",
    {200: "ParticipantView"},
    query=queries.ParticipantQuery,
    body=requests.UpdateParticipant,
    errors=(Forbidden, LastOwner, RateLimited),
)
def update_participant(
    call: AuthenticatedRequest,
    conversation_id: str,
    query: queries.ParticipantQuery,
    body: requests.UpdateParticipant,
) -> Result:
    """Change the role of a participant, mute or unmute them."""
    return bootstrap.application().conversations.moderation.update(
        call.caller, conversation_id, query.participant_id, body
    )


@route(
    "DELETE",
    "/conversations/{conversation_id}/participants",
    {204: None},
    query=queries.RemoveParticipantQuery,
    errors=(Forbidden, RateLimited),
)
def remove_participant(
    call: AuthenticatedRequest, conversation_id: str, query: queries.RemoveParticipantQuery
) -> Result:
    """Remove a participant. With `ban`, ban a person, whether they are a participant or not."""
    if query.ban == "true":
        return bootstrap.application().conversations.moderation.ban(
            call.caller, conversation_id, query.participant_id
        )
    result = bootstrap.application().conversations.members.remove(
        call.caller, conversation_id, query.participant_id
    )
    return Result(None, result.pushes)
