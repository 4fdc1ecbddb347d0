"""The routes by which a service creates, reads and moderates any conversation, without being a participant.

They have the shapes of the routes for participants, and call the same use cases: a service is a caller with the
rights of its column in `permissions.py`.
"""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    Banned,
    ConversationBusy,
    Forbidden,
    IdempotencyKeyReused,
    LastOwner,
    NotFound,
    ParticipantLimit,
    PositionUnknown,
)
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route
from chalicelib.edge.rest.messages import number_in_path

_ALL = "/service/conversations"
_ONE = f"{_ALL}/{{conversation_id}}"


@route(
    "POST",
    _ALL,
    {201: "Conversation"},
    body=requests.CreateConversation,
    errors=(IdempotencyKeyReused, ConversationBusy),
    callers="services",
    idempotent=True,
)
def create_as_service(call: AuthenticatedRequest, body: requests.CreateConversation) -> Result:
    """Create a conversation of other people, with any roles."""
    creation, caller = bootstrap.application().conversations.creation, call.service.as_principal()
    return creation.create(caller, body, call.creation_key(body, caller))


@route(
    "GET",
    _ALL,
    {200: "ServiceConversations"},
    query=queries.ServiceConversationsQuery,
    callers="services",
)
def list_all_conversations(call: AuthenticatedRequest, query: queries.ServiceConversationsQuery) -> Any:
    """List all conversations, or those of one participant, in the order of their creation."""
    return bootstrap.application().backend.overview.list(query)


@route("GET", _ONE, {200: "Conversation"}, callers="services")
def get_as_service(call: AuthenticatedRequest, conversation_id: str) -> Any:
    """Get any conversation with its participants and newest messages."""
    views = bootstrap.application().conversations.views
    return views.view(conversation_id, call.service.as_principal(), messages=True)


@route("PATCH", _ONE, {200: "Conversation"}, body=requests.UpdateConversation, callers="services")
def update_as_service(
    call: AuthenticatedRequest, conversation_id: str, body: requests.UpdateConversation
) -> Result:
    """Change the title, join policy, metadata or retention of any conversation."""
    application = bootstrap.application()
    result = application.conversations.lifecycle.update(call.service.as_principal(), conversation_id, body)
    if "retention_days" in body.model_fields_set:
        application.privacy.jobs.schedule_check(conversation_id)
    return result


@route("DELETE", _ONE, {204: None}, callers="services")
def delete_as_service(call: AuthenticatedRequest, conversation_id: str) -> Result:
    """Delete any conversation for all participants."""
    return bootstrap.application().conversations.lifecycle.delete(call.service.as_principal(), conversation_id)


# ---- messages ----------------------------------------------------------------------------------------------


@route(
    "GET",
    f"{_ONE}/messages",
    {200: "Messages"},
    query=queries.MessagesQuery,
    errors=(PositionUnknown,),
    callers="services",
)
def list_messages_as_service(
    call: AuthenticatedRequest, conversation_id: str, query: queries.MessagesQuery
) -> Any:
    """List the messages of any conversation in their current state."""
    history = bootstrap.application().conversations.history
    return history.messages(call.service.as_principal(), conversation_id, query)


@route(
    "GET",
    f"{_ONE}/events",
    {200: "Events"},
    query=queries.EventsQuery,
    errors=(PositionUnknown,),
    callers="services",
)
def list_events_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.EventsQuery) -> Any:
    """List the events of the log of any conversation."""
    history = bootstrap.application().conversations.history
    return history.events(call.service.as_principal(), conversation_id, query)


@route(
    "POST",
    f"{_ONE}/messages",
    {201: "MessageEvent", 200: "MessageEvent"},
    query=queries.WriteQuery,
    body=requests.SendSystemMessage,
    callers="services",
)
def send_system_message(
    call: AuthenticatedRequest, conversation_id: str, body: requests.SendSystemMessage
) -> tuple[int, Result]:
    """Send a system message: 201 with the event, or 200 with the same event for a repeat."""
    sender = bootstrap.application().messaging.sender
    sent = sender.send(call.service.as_principal(), conversation_id, body)
    return 200 if sent.duplicate else 201, Result(sent.event, sender.pushes(sent))


@route(
    "DELETE",
    f"{_ONE}/messages/{{sequence_id}}",
    {204: None},
    query=queries.WriteQuery,
    callers="services",
)
def delete_message_as_service(call: AuthenticatedRequest, conversation_id: str, sequence_id: str) -> Result:
    """Delete a message of any conversation, also a system message."""
    updates = bootstrap.application().messaging.updates
    target = number_in_path(sequence_id)
    update = updates.delete(call.service.as_principal(), conversation_id, target, not_found=NotFound)
    return Result(None, update.pushes)


# ---- participants ------------------------------------------------------------------------------------------


@route(
    "POST",
    f"{_ONE}/participants",
    {201: "Addition"},
    body=requests.NewParticipant,
    errors=(AlreadyParticipant, Banned, ParticipantLimit),
    callers="services",
)
def add_as_service(call: AuthenticatedRequest, conversation_id: str, body: requests.NewParticipant) -> Result:
    """Add a participant with any role to any conversation, without their acceptance."""
    additions = bootstrap.application().conversations.additions
    return additions.add(call.service.as_principal(), conversation_id, body)


@route(
    "PATCH",
    f"{_ONE}/participants",
    {200: "ParticipantView"},
    query=queries.ParticipantQuery,
    body=requests.UpdateParticipant,
    errors=(Forbidden, LastOwner),
    callers="services",
)
def update_participant_as_service(
    call: AuthenticatedRequest,
    conversation_id: str,
    query: queries.ParticipantQuery,
    body: requests.UpdateParticipant,
) -> Result:
    """Change the role of a participant of any conversation, mute or unmute them."""
    moderation = bootstrap.application().conversations.moderation
    return moderation.update(call.service.as_principal(), conversation_id, query.participant_id, body)


@route(
    "DELETE",
    f"{_ONE}/participants",
    {204: None},
    query=queries.RemoveParticipantQuery,
    callers="services",
)
def remove_as_service(
    call: AuthenticatedRequest, conversation_id: str, query: queries.RemoveParticipantQuery
) -> Result:
    """Remove a participant from any conversation. With `ban`, ban a person, whether they are in it or not."""
    conversations, caller = bootstrap.application().conversations, call.service.as_principal()
    if query.ban == "true":
        return conversations.moderation.ban(caller, conversation_id, query.participant_id)
    return Result(None, conversations.members.remove(caller, conversation_id, query.participant_id).pushes)


@route("GET", f"{_ONE}/bans", {200: "Bans"}, query=queries.PageQuery, callers="services")
def list_bans_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the bans of any conversation."""
    moderation = bootstrap.application().conversations.moderation
    return moderation.bans(call.service.as_principal(), conversation_id, query)


@route("DELETE", f"{_ONE}/bans", {204: None}, query=queries.ParticipantQuery, callers="services")
def lift_ban_as_service(
    call: AuthenticatedRequest, conversation_id: str, query: queries.ParticipantQuery
) -> Result:
    """Lift a ban in any conversation."""
    moderation = bootstrap.application().conversations.moderation
    return moderation.unban(call.service.as_principal(), conversation_id, query.participant_id)


@route(
    "GET",
    f"{_ONE}/audit",
    {200: "Audit"},
    query=queries.AuditQuery,
    errors=(PositionUnknown,),
    callers="services",
)
def list_audit_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.AuditQuery) -> Any:
    """List the audit log of any conversation."""
    moderation = bootstrap.application().conversations.moderation
    return moderation.audit(call.service.as_principal(), conversation_id, query)
