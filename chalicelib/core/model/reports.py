"""Reports: a member draws the attention of owners and moderators to a message."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.actors import ParticipantType

ReportStatus = Literal["open", "resolved", "dismissed"]
OPEN: ReportStatus = "open"
_REPORT_ID = re.compile(r"rpt_([0-9a-f]{32}-[0-9]{16}-[0-9a-f]{32})")


def subject_of(author_id: str) -> str:
    """Return the beginning of the keys of all reports about messages of one author, which contains no id."""
    return f"{digest(author_id, 16)}-"


class Report(NamedTuple):
    """A report of a message. Its author never sees it, whatever their role is."""

    conversation_id: str
    target: int
    """The sequence id of the message."""
    author_id: str
    """The author of the message; a pseudonym after their erasure."""
    reporter_id: str
    reporter_name: str
    reporter_type: ParticipantType
    reason: str
    created_at: int
    """Milliseconds since the epoch."""
    expires_at: int
    """Epoch seconds."""
    key: str
    """The key among the reports of the conversation."""
    status: ReportStatus = OPEN
    closed_by: str | None = None
    """The participant id of the owner or moderator who closed it."""
    closed_at: int = 0

    @property
    def report_id(self) -> str:
        """The id by which owners and moderators name it."""
        return f"rpt_{self.key}"

    def is_about(self, participant_id: str) -> bool:
        """Return whether the message was written by a participant, also after their erasure."""
        return self.key.startswith(subject_of(participant_id))


def key_of_report_id(report_id: str) -> str | None:
    """Return the key in a report id, None if it is malformed."""
    match = _REPORT_ID.fullmatch(report_id)
    return None if match is None else match[1]


class ReportCopy(NamedTuple):
    """A report as its reporter exports it."""

    conversation_id: str
    target: int
    reason: str
    created_at: int


def report_key(author_id: str, target: int, reporter_id: str) -> str:
    """Return the key of a report: one for each message and reporter, sorted by author and then by message."""
    return f"{subject_of(author_id)}{target:016d}-{digest(reporter_id, 16)}"
