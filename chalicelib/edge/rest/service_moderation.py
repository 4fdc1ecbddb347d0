"""The routes by which a service manages invites, pending memberships and reactions of any conversation."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import ConversationBusy, Forbidden
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route
from chalicelib.edge.rest.messages import number_in_path

_ONE = "/service/conversations/{conversation_id}"


@route(
    "POST",
    f"{_ONE}/invites",
    {201: "NewInvite"},
    body=requests.CreateInvite,
    errors=(Forbidden, ConversationBusy),
    callers="services",
)
def create_invite_as_service(call: AuthenticatedRequest, conversation_id: str, body: requests.CreateInvite) -> Any:
    """Create an invite to any group. Its secret is returned only here."""
    invites = bootstrap.application().conversations.invites
    return invites.create(call.service.as_principal(), conversation_id, body)


@route("GET", f"{_ONE}/invites", {200: "Invites"}, query=queries.PageQuery, callers="services")
def list_invites_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the invites of any conversation that have not expired, without their secrets."""
    invites = bootstrap.application().conversations.invites
    return invites.list(call.service.as_principal(), conversation_id, query)


@route("DELETE", f"{_ONE}/invites/{{invite}}", {204: None}, errors=(ConversationBusy,), callers="services")
def revoke_invite_as_service(call: AuthenticatedRequest, conversation_id: str, invite: str) -> None:
    """Revoke an invite of any conversation, by its secret or its `invite_id`."""
    bootstrap.application().conversations.invites.revoke(call.service.as_principal(), conversation_id, invite)


@route("GET", f"{_ONE}/pending", {200: "Pending"}, query=queries.PageQuery, callers="services")
def list_pending_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the pending memberships in any conversation."""
    pending = bootstrap.application().conversations.pending
    return pending.list_in(call.service.as_principal(), conversation_id, query)


@route(
    "DELETE",
    f"{_ONE}/pending",
    {204: None},
    query=queries.ParticipantQuery,
    errors=(Forbidden, ConversationBusy),
    callers="services",
)
def withdraw_pending_as_service(
    call: AuthenticatedRequest, conversation_id: str, query: queries.ParticipantQuery
) -> None:
    """Withdraw the pending memberships of a participant in any group."""
    pending = bootstrap.application().conversations.pending
    pending.withdraw(call.service.as_principal(), conversation_id, query.participant_id)


@route(
    "DELETE",
    f"{_ONE}/messages/{{sequence_id}}/reactions",
    {204: None},
    query=queries.ServiceRemoveReactionQuery,
    callers="services",
)
def remove_reaction_as_service(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: queries.ServiceRemoveReactionQuery
) -> Result:
    """Remove a participant's reaction from a message of any conversation."""
    reactions = bootstrap.application().messaging.reactions
    target, caller = number_in_path(sequence_id), call.service.as_principal()
    update = reactions.remove_of_participant(caller, conversation_id, target, query.emoji, query.participant_id)
    return Result(None, update.pushes)
