"""Serializers of reports; see `serializers.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.kernel.clock import rfc3339

if TYPE_CHECKING:
    from chalicelib.core.model import reports
    from chalicelib.core.protocol.report_objects import OwnReport, Report


def report(reported: reports.Report) -> Report:
    """Return a report, as owners and moderators see it."""
    found: Report = {
        "report_id": reported.report_id,
        "conversation_id": reported.conversation_id,
        "sequence_id": reported.target,
        "author_id": reported.author_id,
        "reported_by": {
            "participant_id": reported.reporter_id,
            "name": reported.reporter_name,
            "type": reported.reporter_type,
        },
        "reason": reported.reason,
        "created_at": rfc3339(reported.created_at),
        "expires_at": rfc3339(1000 * reported.expires_at),
        "status": reported.status,
    }
    if reported.closed_by is not None:
        found["closed_by"] = reported.closed_by
        found["closed_at"] = rfc3339(reported.closed_at)
    return found


def own_report(copy: reports.ReportCopy) -> OwnReport:
    """Return a report, as its reporter exports it."""
    return {
        "conversation_id": copy.conversation_id,
        "sequence_id": copy.target,
        "reason": copy.reason,
        "created_at": rfc3339(copy.created_at),
    }
