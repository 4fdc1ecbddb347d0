"""The routes of conversations."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    ConversationBusy,
    ConversationLimit,
    ErasureRunning,
    Forbidden,
    IdempotencyKeyReused,
    Muted,
    RateLimited,
    RefusedByHook,
)
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route


@route(
    "POST",
    "/conversations",
    {201: "Conversation"},
    body=requests.CreateConversation,
    errors=(
        ErasureRunning,
        ConversationLimit,
        IdempotencyKeyReused,
        RefusedByHook,
        RateLimited,
        ConversationBusy,
    ),
    revocation="read",
    idempotent=True,
)
def create_conversation(call: AuthenticatedRequest, body: requests.CreateConversation) -> Result:
    """Create a conversation."""
    return bootstrap.application().conversations.creation.create(
        call.caller, body, call.creation_key(body, call.caller)
    )


@route("GET", "/conversations", {200: "ConversationList"}, query=queries.ConversationsQuery)
def list_conversations(call: AuthenticatedRequest, query: queries.ConversationsQuery) -> Any:
    """List the caller's conversations, or the memberships that wait for acceptance."""
    if query.membership == "pending":
        return bootstrap.application().conversations.pending.list(call.caller, query)
    return bootstrap.application().conversations.views.list(call.caller, query)


@route("GET", "/conversations/{conversation_id}", {200: "Conversation"})
def get_conversation(call: AuthenticatedRequest, conversation_id: str) -> Any:
    """Get a conversation with its participants and newest messages."""
    return bootstrap.application().conversations.views.view(conversation_id, call.caller, messages=True)


@route(
    "PATCH",
    "/conversations/{conversation_id}/me",
    {200: "PersonalState"},
    body=requests.UpdatePersonalState,
    errors=(ConversationBusy,),
)
def update_personal_state(
    call: AuthenticatedRequest, conversation_id: str, body: requests.UpdatePersonalState
) -> Result:
    """Archive, pin, or mute the notifications of a conversation, for the caller alone."""
    return bootstrap.application().conversations.personal_states.update(call.caller, conversation_id, body)


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
