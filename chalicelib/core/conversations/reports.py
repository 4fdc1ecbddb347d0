"""Reports of messages: a member makes them; owners and moderators list and close them.

The author of a message never sees a report of it, nor that there is one: neither in a list nor as a frame, and
not as an owner either. So a report appends no event, and closing it leaves no entry in the audit log, which
owners read.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.permissions import Action, Author
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationState, Membership
from chalicelib.core.model.reports import OPEN, Report, ReportStatus, key_of_report_id, report_key
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.reports import ReportStore
from chalicelib.core.protocol import frames, report_serializers
from chalicelib.core.realtime.outbox import Push, Result, ToParticipants

if TYPE_CHECKING:
    from chalicelib.core.protocol import report_objects
    from chalicelib.core.protocol.queries import PageQuery, ReportsQuery


class Reports:
    """Makes, lists and closes reports."""

    def __init__(
        self,
        *,
        reports: ReportStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        access: Access,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
    ) -> None:
        self._reports = reports
        self._event_log = event_log
        self._memberships = memberships
        self._access = access
        self._change_limiter = change_limiter
        self._runtime = runtime

    # ---- reporters -------------------------------------------------------------------------------------

    def report(self, caller: Principal, conversation_id: str, target: int, reason: str) -> Result:
        """Report a message. No-op if the caller has reported it before, even if that report was closed.

        Raises:
            NotFound: the caller is not a member, or there is no such message, or it has no content any more.
            Forbidden: it is a message of the caller.
            RateLimited, ConversationBusy: nothing was written.
        """
        self._change_limiter.charge_report(caller)
        backoff = new_backoff(self._runtime)
        while True:
            head, member = self._access.require_permission(Action.REPORT, conversation_id, caller)
            if target <= head.expired_up_to:
                raise NotFound
            report = self._new_report(caller, member, target, reason)
            save = functools.partial(self._reports.save, report, member)
            if retry_on_conflict(self._runtime, save):
                return Result(None, self._pushes(report))
            if self._reports.is_reported(conversation_id, target, caller.participant_id):
                return Result(None)
            backoff.wait()

    def _new_report(self, caller: Principal, member: Membership, target: int, reason: str) -> Report:
        message = self._event_log.event(member.conversation_id, target)
        if message is None or message.event["type"] != "message" or "content" not in message.event:
            raise NotFound
        author_id = message.event["sender"].get("participant_id", "")
        permissions.require(Action.REPORT, member, Author(author_id))
        now, actor = milliseconds(self._runtime.clock), caller.as_actor(member)
        return Report(
            member.conversation_id,
            target,
            author_id,
            actor.participant_id,
            actor.name,
            actor.type,
            reason,
            created_at=now,
            expires_at=now // 1000 + self._runtime.timing.report_lifetime,
            key=report_key(author_id, target, actor.participant_id),
        )

    def _pushes(self, report: Report) -> list[Push]:
        """Return the push to owners and moderators. The roster is read after the report was written."""
        recipients = [
            member.participant_id
            for member in self._memberships.roster(report.conversation_id)
            if member.role != "member" and not report.is_about(member.participant_id)
        ]
        return [ToParticipants(recipients, frames.report_push(report_serializers.report(report)))]

    # ---- owners and moderators -------------------------------------------------------------------------

    def list(self, caller: Principal, conversation_id: str, query: ReportsQuery) -> dict[str, Any]:
        """Return a page of the reports that the caller may see. Raises NotFound, Forbidden, ValidationFailed."""
        self._access.require_permission(Action.HANDLE_REPORTS, conversation_id, caller)
        hidden_from = None if caller.is_system else caller.participant_id
        page = self._page(conversation_id, query, hidden_from)
        self._access.require_permission(Action.HANDLE_REPORTS, conversation_id, caller)
        return page

    def list_all(self, query: PageQuery) -> dict[str, Any]:
        """Return a page of the open reports of all live conversations, oldest first. Raises ValidationFailed."""
        reports, next_key = self._reports.open_reports(paging.start_key(query.cursor), query.limit)
        conversation_ids = list({report.conversation_id for report in reports})
        heads = self._event_log.heads(conversation_ids) if conversation_ids else {}
        live = {name for name, head in heads.items() if head.state is ConversationState.LIVE}
        shown = [report_serializers.report(report) for report in reports if report.conversation_id in live]
        return paging.page("reports", shown, next_key)

    def _page(self, conversation_id: str, query: ReportsQuery, hidden_from: str | None) -> dict[str, Any]:
        """Return a page of the reports, but for those about messages of `hidden_from`. Raises ValidationFailed."""
        reports, next_key = self._reports.reports(
            conversation_id,
            is_open=query.status == OPEN,
            hidden_from=hidden_from,
            after=paging.start_key(query.cursor),
            limit=query.limit,
        )
        return paging.page("reports", [report_serializers.report(report) for report in reports], next_key)

    def close(
        self, caller: Principal, conversation_id: str, report_id: str, status: ReportStatus
    ) -> report_objects.Report:
        """Close a report, or change how it was closed; return it.

        Raises:
            NotFound: the caller is not a member, or may not see such a report, or there is none.
            Forbidden, ConversationBusy: nothing was changed.
        """
        key, backoff = key_of_report_id(report_id), new_backoff(self._runtime)
        while True:
            _, actor = self._access.require_permission(Action.HANDLE_REPORTS, conversation_id, caller)
            report = None if key is None else self._reports.report(conversation_id, key)
            if report is None or (report.is_about(actor.participant_id) and not actor.is_service):
                raise NotFound
            closed = self._close(report, status, actor)
            if closed is not None:
                return report_serializers.report(closed)
            backoff.wait()

    def _close(self, report: Report, status: ReportStatus, actor: Membership) -> Report | None:
        """Close a report unless it has that status; return it, or None if it or the actor is not as read."""
        if report.status == status:
            return report
        now = milliseconds(self._runtime.clock)
        closed = report._replace(status=status, closed_by=actor.participant_id, closed_at=now)
        write = functools.partial(self._reports.close, report, closed, None if actor.is_service else actor)
        return closed if retry_on_conflict(self._runtime, write) else None
