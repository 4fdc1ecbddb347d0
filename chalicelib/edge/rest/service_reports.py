"""The routes by which a service reads and closes the reports of any conversation, also of a direct one."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.protocol import queries, requests
from chalicelib.edge.http import AuthenticatedRequest, route

_PATH = "/service/conversations/{conversation_id}/reports"


@route("GET", "/service/reports", {200: "Reports"}, query=queries.PageQuery, callers="services")
def list_all_reports(call: AuthenticatedRequest, query: queries.PageQuery) -> Any:
    """List the open reports of all conversations, oldest first."""
    del call
    return bootstrap.application().conversations.reports.list_all(query)


@route("GET", _PATH, {200: "Reports"}, query=queries.ReportsQuery, callers="services")
def list_reports_as_service(call: AuthenticatedRequest, conversation_id: str, query: queries.ReportsQuery) -> Any:
    """List the reports of any conversation."""
    reports = bootstrap.application().conversations.reports
    return reports.list(call.service.as_principal(), conversation_id, query)


@route("PATCH", f"{_PATH}/{{report}}", {200: "Report"}, body=requests.CloseReport, callers="services")
def close_report_as_service(
    call: AuthenticatedRequest, conversation_id: str, report: str, body: requests.CloseReport
) -> Any:
    """Close a report of any conversation, by its `report_id`."""
    reports = bootstrap.application().conversations.reports
    return reports.close(call.service.as_principal(), conversation_id, report, body.status)
