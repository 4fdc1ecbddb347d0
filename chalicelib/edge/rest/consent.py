"""The routes about consent: blocks and pending memberships."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import ConversationBusy, ErasureRunning, Forbidden, RateLimited
from chalicelib.core.protocol import queries
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route


@route("GET", "/me/blocks", {200: "Blocks"}, query=queries.PageQuery)
def list_blocks(call: AuthenticatedRequest, query: queries.PageQuery) -> Any:
    """List the participants whom the caller has blocked."""
    return bootstrap.application().conversations.blocks.list(call.caller, query)


@route(
    "PUT",
    "/me/blocks",
    {204: None},
    query=queries.ParticipantQuery,
    errors=(ErasureRunning, RateLimited, ConversationBusy),
    revocation="read",
)
def block_participant(call: AuthenticatedRequest, query: queries.ParticipantQuery) -> Result:
    """Block a participant: they can no longer add the caller to conversations."""
    return bootstrap.application().conversations.blocks.block(call.caller, query.participant_id)


@route(
    "DELETE",
    "/me/blocks",
    {204: None},
    query=queries.ParticipantQuery,
    errors=(RateLimited, ConversationBusy),
)
def unblock_participant(call: AuthenticatedRequest, query: queries.ParticipantQuery) -> Result:
    """Lift a block."""
    return bootstrap.application().conversations.blocks.unblock(call.caller, query.participant_id)


@route(
    "GET",
    "/conversations/{conversation_id}/pending",
    {200: "Pending"},
    query=queries.PageQuery,
    errors=(Forbidden,),
)
def list_pending(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the pending memberships in a conversation."""
    return bootstrap.application().conversations.pending.list_in(call.caller, conversation_id, query)


@route(
    "DELETE",
    "/conversations/{conversation_id}/pending",
    {204: None},
    query=queries.ParticipantQuery,
    errors=(Forbidden, RateLimited),
)
def withdraw_pending(call: AuthenticatedRequest, conversation_id: str, query: queries.ParticipantQuery) -> None:
    """Withdraw the pending memberships of a participant."""
    bootstrap.application().conversations.pending.withdraw(call.caller, conversation_id, query.participant_id)
