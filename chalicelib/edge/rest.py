"""The HTTP API: one view per route. The docstrings are the summaries in the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

from chalice.app import Request, Response

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    Banned,
    ConversationBusy,
    ErasureRunning,
    Forbidden,
    LastOwner,
    Muted,
    NotFound,
    ParticipantLimit,
    PositionUnknown,
    RateLimited,
)
from chalicelib.core.protocol import requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.observability import logs

from . import health, openapi
from .http import AuthenticatedRequest, auth, json_response, public, rest, route

__all__ = ["auth", "rest"]


@route(
    "POST",
    "/conversations",
    {201: "Conversation"},
    body=requests.CreateConversation,
    errors=(ErasureRunning, ConversationBusy),
    revocation="read",
)
def create_conversation(call: AuthenticatedRequest, body: requests.CreateConversation) -> Result:
    """Create a conversation."""
    return bootstrap.application().conversations.lifecycle.create(call.caller, body)


@route("GET", "/conversations", {200: "ConversationList"}, query=requests.ConversationsQuery)
def list_conversations(call: AuthenticatedRequest, query: requests.ConversationsQuery) -> Any:
    """List the caller's conversations."""
    return bootstrap.application().conversations.views.list(call.caller, query)


@route("GET", "/conversations/{conversation_id}", {200: "Conversation"})
def get_conversation(call: AuthenticatedRequest, conversation_id: str) -> Any:
    """Get a conversation with its participants and newest messages."""
    return bootstrap.application().conversations.views.view(conversation_id, call.caller, messages=True)


@route(
    "PATCH",
    "/conversations/{conversation_id}",
    {200: "Conversation"},
    body=requests.UpdateConversation,
    errors=(Forbidden, Muted, RateLimited),
)
def update_conversation(
    call: AuthenticatedRequest, conversation_id: str, body: requests.UpdateConversation
) -> Result:
    """Change the title, join policy, metadata or retention."""
    result = bootstrap.application().conversations.lifecycle.update(call.caller, conversation_id, body)
    if "retention_days" in body.model_fields_set:
        bootstrap.application().privacy.jobs.schedule_check(conversation_id)
    return result


@route("DELETE", "/conversations/{conversation_id}", {204: None}, errors=(Forbidden,))
def delete_conversation(call: AuthenticatedRequest, conversation_id: str) -> Result:
    """Delete a conversation for all participants."""
    return bootstrap.application().conversations.lifecycle.delete(call.caller, conversation_id)


@route(
    "POST",
    "/conversations/{conversation_id}/join",
    {200: "Conversation"},
    body=requests.Join,
    errors=(AlreadyParticipant, ErasureRunning, ParticipantLimit, RateLimited),
    revocation="read",
)
def join_conversation(call: AuthenticatedRequest, conversation_id: str, body: requests.Join) -> Result:
    """Join an open conversation, or with an invite."""
    return bootstrap.application().conversations.members.join(call.caller, conversation_id, body.invite)


@route(
    "POST",
    "/conversations/{conversation_id}/leave",
    {200: "LeaveResult"},
    body=requests.EmptyBody,
    errors=(RateLimited,),
)
def leave_conversation(call: AuthenticatedRequest, conversation_id: str) -> Result:
    """Leave a conversation."""
    return bootstrap.application().conversations.members.leave(call.caller, conversation_id)


@route(
    "POST",
    "/conversations/{conversation_id}/participants",
    {201: "ParticipantView"},
    body=requests.NewParticipant,
    errors=(Forbidden, Muted, AlreadyParticipant, Banned, ParticipantLimit),
)
def add_participant(call: AuthenticatedRequest, conversation_id: str, body: requests.NewParticipant) -> Result:
    """Add a participant."""
    return bootstrap.application().conversations.members.add(call.caller, conversation_id, body)


@route(
    "PATCH",
    "/conversations/{conversation_id}/participants",
    {200: "ParticipantView"},
    query=requests.ParticipantQuery,
    body=requests.UpdateParticipant,
    errors=(Forbidden, LastOwner, RateLimited),
)
def update_participant(
    call: AuthenticatedRequest,
    conversation_id: str,
    query: requests.ParticipantQuery,
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
    query=requests.RemoveParticipantQuery,
    errors=(Forbidden, RateLimited),
)
def remove_participant(
    call: AuthenticatedRequest, conversation_id: str, query: requests.RemoveParticipantQuery
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


@route(
    "GET",
    "/conversations/{conversation_id}/bans",
    {200: "Bans"},
    query=requests.PageQuery,
    errors=(Forbidden,),
)
def list_bans(call: AuthenticatedRequest, conversation_id: str, query: requests.PageQuery) -> Any:
    """List the bans."""
    return bootstrap.application().conversations.moderation.bans(call.caller, conversation_id, query)


@route(
    "DELETE",
    "/conversations/{conversation_id}/bans",
    {204: None},
    query=requests.ParticipantQuery,
    errors=(Forbidden, RateLimited),
)
def lift_ban(call: AuthenticatedRequest, conversation_id: str, query: requests.ParticipantQuery) -> Result:
    """Lift a ban."""
    return bootstrap.application().conversations.moderation.unban(
        call.caller, conversation_id, query.participant_id
    )


@route(
    "POST",
    "/conversations/{conversation_id}/invites",
    {201: "NewInvite"},
    body=requests.CreateInvite,
    errors=(Forbidden,),
)
def create_invite(call: AuthenticatedRequest, conversation_id: str, body: requests.CreateInvite) -> Any:
    """Create an invite. Its secret is returned only here."""
    return bootstrap.application().conversations.invites.create(call.caller, conversation_id, body)


@route(
    "GET",
    "/conversations/{conversation_id}/invites",
    {200: "Invites"},
    query=requests.PageQuery,
    errors=(Forbidden,),
)
def list_invites(call: AuthenticatedRequest, conversation_id: str, query: requests.PageQuery) -> Any:
    """List the invites that have not expired, without their secrets."""
    return bootstrap.application().conversations.invites.list(call.caller, conversation_id, query)


@route("DELETE", "/conversations/{conversation_id}/invites/{invite}", {204: None}, errors=(Forbidden,))
def revoke_invite(call: AuthenticatedRequest, conversation_id: str, invite: str) -> None:
    """Revoke an invite, by its secret or its `invite_id`."""
    bootstrap.application().conversations.invites.revoke(call.caller, conversation_id, invite)


@route(
    "GET",
    "/conversations/{conversation_id}/audit",
    {200: "Audit"},
    query=requests.AuditQuery,
    errors=(Forbidden, PositionUnknown),
)
def list_audit(call: AuthenticatedRequest, conversation_id: str, query: requests.AuditQuery) -> Any:
    """List the audit log."""
    return bootstrap.application().conversations.moderation.audit(call.caller, conversation_id, query)


@route(
    "GET",
    "/conversations/{conversation_id}/messages",
    {200: "Messages"},
    query=requests.MessagesQuery,
    errors=(PositionUnknown,),
)
def list_messages(call: AuthenticatedRequest, conversation_id: str, query: requests.MessagesQuery) -> Any:
    """List messages in their current state."""
    return bootstrap.application().conversations.history.messages(call.caller, conversation_id, query)


@route(
    "GET",
    "/conversations/{conversation_id}/events",
    {200: "Events"},
    query=requests.EventsQuery,
    errors=(PositionUnknown,),
)
def list_events(call: AuthenticatedRequest, conversation_id: str, query: requests.EventsQuery) -> Any:
    """List the events of the log."""
    return bootstrap.application().conversations.history.events(call.caller, conversation_id, query)


@route(
    "POST",
    "/conversations/{conversation_id}/messages",
    {201: "MessageEvent", 200: "MessageEvent"},
    body=requests.SendMessage,
    errors=(Muted, RateLimited),
)
def send_message(
    call: AuthenticatedRequest, conversation_id: str, body: requests.SendMessage
) -> tuple[int, Result]:
    """Send a message: 201 with the event, or 200 with the same event for a repeat."""
    sender = bootstrap.application().messaging.sender
    sent = sender.send(call.caller, conversation_id, body)
    return 200 if sent.duplicate else 201, Result(sent.event, sender.pushes(sent))


@route("POST", "/batch", {200: "BatchResults"}, body=requests.ExecuteBatch, errors=(RateLimited,))
def execute_batch(call: AuthenticatedRequest, body: requests.ExecuteBatch) -> Result:
    """Execute several commands, those of one conversation in their order. Each result has its own status."""
    executed = bootstrap.application().messaging.batches.execute(call.caller, body.entries)
    if executed.failure is not None:
        logs.log_failure(executed.failure)
    return Result({"results": executed.results}, executed.pushes)


_MESSAGE_PATH = "/conversations/{conversation_id}/messages/{sequence_id}"


def _number(sequence_id: str) -> int:
    """Return the sequence id in a path. Raises NotFound if it is malformed."""
    if re.fullmatch("[1-9][0-9]{0,15}", sequence_id) is None:
        raise NotFound
    return int(sequence_id)


@route(
    "PATCH",
    _MESSAGE_PATH,
    {200: "MessageEvent"},
    body=requests.EditMessage,
    errors=(Forbidden, Muted, RateLimited),
)
def edit_message(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, body: requests.EditMessage
) -> Result:
    """Edit one of the caller's messages, and return its current state."""
    target = _number(sequence_id)
    application = bootstrap.application()
    update = application.messaging.updates.edit(call.caller, conversation_id, target, body, not_found=NotFound)
    return Result(application.conversations.history.shown_to(call.caller, update.message), update.pushes)


@route("DELETE", _MESSAGE_PATH, {204: None}, errors=(Forbidden, RateLimited))
def delete_message(call: AuthenticatedRequest, conversation_id: str, sequence_id: str) -> Result:
    """Delete a message. Owners and moderators can delete those of other participants as well."""
    target = _number(sequence_id)
    update = bootstrap.application().messaging.updates.delete(
        call.caller, conversation_id, target, not_found=NotFound
    )
    return Result(None, update.pushes)


@route("GET", f"{_MESSAGE_PATH}/reactions", {200: "Reactions"}, query=requests.ReactionsQuery)
def list_reactions(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: requests.ReactionsQuery
) -> Any:
    """List the reactions to a message."""
    return bootstrap.application().conversations.history.reactions(
        call.caller, conversation_id, _number(sequence_id), query
    )


@route("PUT", f"{_MESSAGE_PATH}/reactions", {204: None}, query=requests.EmojiQuery, errors=(Muted, RateLimited))
def add_reaction(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: requests.EmojiQuery
) -> Result:
    """Add a reaction to a message."""
    target = _number(sequence_id)
    update = bootstrap.application().messaging.updates.react(
        call.caller, conversation_id, target, query.emoji, not_found=NotFound
    )
    return Result(None, update.pushes)


@route(
    "DELETE",
    f"{_MESSAGE_PATH}/reactions",
    {204: None},
    query=requests.RemoveReactionQuery,
    errors=(Forbidden, Muted, RateLimited),
)
def remove_reaction(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: requests.RemoveReactionQuery
) -> Result:
    """Remove a reaction from a message: the caller's, or that of another participant."""
    participant_id = query.participant_id or call.caller.participant_id
    update = bootstrap.application().messaging.updates.remove_reaction(
        call.caller, conversation_id, _number(sequence_id), query.emoji, participant_id
    )
    return Result(None, update.pushes)


@route("PUT", "/conversations/{conversation_id}/read", {200: "ReadPointer"}, body=requests.MoveReadPointer)
def move_read_pointer(call: AuthenticatedRequest, conversation_id: str, body: requests.MoveReadPointer) -> Result:
    """Move the caller's read pointer."""
    return bootstrap.application().conversations.history.read(call.caller, conversation_id, body.sequence_id)


@route("GET", "/me/export", {200: "Export"}, query=requests.ExportQuery)
def export_data(call: AuthenticatedRequest, query: requests.ExportQuery) -> Any:
    """Export the caller's data, page by page."""
    return bootstrap.application().privacy.export.page(call.caller, query)


@route("DELETE", "/me", {202: "Erasure"}, errors=(ConversationBusy,), revocation="ignored")
def erase_participant(call: AuthenticatedRequest) -> Any:
    """Erase the caller's data in all conversations. A repeat returns the running erasure."""
    return bootstrap.application().privacy.jobs.erase(call.caller)


@route("GET", "/me/erasure", {200: "Erasure"}, errors=(NotFound,), revocation="ignored")
def get_erasure(call: AuthenticatedRequest) -> Any:
    """Get the progress of the caller's erasure."""
    return bootstrap.application().privacy.erasure.status(call.caller)


@route("POST", "/tickets", {201: "Ticket"}, body=requests.EmptyBody, revocation="read")
def create_ticket(call: AuthenticatedRequest) -> Any:
    """Create a ticket to open a WebSocket connection."""
    return bootstrap.application().realtime.tickets.issue(call.identity)


@public("/health", {200: "Health", 503: "Health"})
def get_health(_: Request) -> Response:
    """Check the service and its store. Needs no credential."""
    return json_response(*health.check(bootstrap.application()))


@public("/openapi.json", {200: "OpenApi", 304: None})
def get_openapi(request: Request) -> Response:
    """Get the OpenAPI document of this API. Needs no credential."""
    tag, text = openapi.document()
    headers: dict[str, str | list[str]] = {"Cache-Control": "public, max-age=300", "ETag": tag}
    if openapi.matches(request.headers.get("if-none-match", ""), tag):
        return Response(body="", status_code=304, headers=headers)
    return Response(body=text, headers={**headers, "Content-Type": "application/json"})
