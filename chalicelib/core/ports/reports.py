"""Reports of messages."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.reports import Report, ReportCopy


class ReportStore(Protocol):
    """The reports of each conversation. Every read is strongly consistent."""

    def save(self, report: Report, reporter: Membership) -> bool:
        """Save a new report, with the copy for its reporter.

        Returns False if the reporter has reported the message before, is not a member as read, or if the message
        was deleted.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def is_reported(self, conversation_id: str, target: int, reporter_id: str) -> bool:
        """Return whether a participant has reported a message, and the report has not expired."""
        ...

    def report(self, conversation_id: str, key: str) -> Report | None:
        """Return a report, open or closed."""
        ...

    def reports(
        self, conversation_id: str, *, is_open: bool, hidden_from: str | None, after: str | None, limit: int
    ) -> tuple[list[Report], str | None]:
        """Return a page of reports by author and message, and the key after which the next one begins.

        Those about messages of `hidden_from` are left out, and not even read.
        """
        ...

    def open_reports(self, after: str | None, limit: int) -> tuple[list[Report], str | None]:
        """Return a page of the open reports of all conversations by time, and where the next one begins."""
        ...

    def close(self, report: Report, closed: Report, by: Membership | None) -> bool:
        """Replace a report by its closed form; return False if it or `by` is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def copies(self, reporter_id: str, after: str | None, limit: int) -> tuple[list[ReportCopy], str | None]:
        """Return a page of a participant's own reports, by conversation and message."""
        ...

    def erase_copies(self, reporter_id: str) -> None:
        """Delete the copies of a participant's own reports."""
        ...
