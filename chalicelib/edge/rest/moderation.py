"""The routes of moderation: bans, invites, and the audit log."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Forbidden, PositionUnknown, RateLimited
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route


@route(
    "GET",
    "/conversations/{conversation_id}/bans",
    {200: "Bans"},
    query=queries.PageQuery,
    errors=(Forbidden,),
)
def list_bans(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the bans."""
    return bootstrap.application().conversations.moderation.bans(call.caller, conversation_id, query)


@route(
    "DELETE",
    "/conversations/{conversation_id}/bans",
    {204: None},
    query=queries.ParticipantQuery,
    errors=(Forbidden, RateLimited),
)
def lift_ban(call: AuthenticatedRequest, conversation_id: str, query: queries.ParticipantQuery) -> Result:
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
    query=queries.PageQuery,
    errors=(Forbidden,),
)
def list_invites(call: AuthenticatedRequest, conversation_id: str, query: queries.PageQuery) -> Any:
    """List the invites that have not expired, without their secrets."""
    return bootstrap.application().conversations.invites.list(call.caller, conversation_id, query)


@route("DELETE", "/conversations/{conversation_id}/invites/{invite}", {204: None}, errors=(Forbidden,))
def revoke_invite(call: AuthenticatedRequest, conversation_id: str, invite: str) -> None:
    """Revoke an invite, by its secret or its `invite_id`."""
    bootstrap.application().conversations.invites.revoke(call.caller, conversation_id, invite)


@route(
    "GET",
    "/conversations/{conversation_id}/reports",
    {200: "Reports"},
    query=queries.ReportsQuery,
    errors=(Forbidden,),
)
def list_reports(call: AuthenticatedRequest, conversation_id: str, query: queries.ReportsQuery) -> Any:
    """List the reports of messages of other participants."""
    return bootstrap.application().conversations.reports.list(call.caller, conversation_id, query)


@route(
    "PATCH",
    "/conversations/{conversation_id}/reports/{report}",
    {200: "Report"},
    body=requests.CloseReport,
    errors=(Forbidden,),
)
def close_report(call: AuthenticatedRequest, conversation_id: str, report: str, body: requests.CloseReport) -> Any:
    """Close a report, by its `report_id`."""
    return bootstrap.application().conversations.reports.close(call.caller, conversation_id, report, body.status)


@route(
    "GET",
    "/conversations/{conversation_id}/audit",
    {200: "Audit"},
    query=queries.AuditQuery,
    errors=(Forbidden, PositionUnknown),
)
def list_audit(call: AuthenticatedRequest, conversation_id: str, query: queries.AuditQuery) -> Any:
    """List the audit log."""
    return bootstrap.application().conversations.moderation.audit(call.caller, conversation_id, query)
