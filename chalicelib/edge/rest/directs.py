"""The route of direct conversations."""

from __future__ import annotations

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    Blocked,
    ConversationBusy,
    ConversationLimit,
    ErasureRunning,
    RateLimited,
    RefusedByHook,
)
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route


@route(
    "PUT",
    "/direct",
    {200: "Conversation", 201: "Conversation"},
    query=queries.PersonQuery,
    body=requests.OpenDirect,
    errors=(Blocked, ErasureRunning, ConversationLimit, RefusedByHook, RateLimited, ConversationBusy),
    revocation="read",
)
def open_direct_conversation(
    call: AuthenticatedRequest, query: queries.PersonQuery, body: requests.OpenDirect
) -> tuple[int, Result]:
    """Get, accept or create the direct conversation with a participant."""
    directs = bootstrap.application().conversations.directs
    return directs.open(call.caller, query.participant_id, body.name)
