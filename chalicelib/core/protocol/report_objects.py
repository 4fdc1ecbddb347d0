"""Reports of messages in responses and frames; see `objects.py`."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.reports import ReportStatus
from chalicelib.core.protocol.fields import EventSequenceId, example
from chalicelib.core.protocol.object_fields import ConversationId, Text, Timestamp
from chalicelib.core.protocol.objects import ParticipantRef


class Report(TypedDict):
    """A report of a message, as owners and moderators see it. Its author never sees it."""

    report_id: Annotated[Text, example(f"rpt_{'a7' * 16}-0000000000000002-{'4d' * 16}")]
    """The id of the report."""
    conversation_id: ConversationId
    sequence_id: EventSequenceId
    """The `sequence_id` of the message."""
    author_id: Annotated[Text, Field(max_length=255), example("mallory")]
    """The id of the author of the message; a pseudonym `erased_…` after their erasure."""
    reported_by: ParticipantRef
    """The participant who reported the message."""
    reason: Annotated[Text, example("Advertising")]
    """The reason that they gave."""
    created_at: Timestamp
    """When the message was reported."""
    expires_at: Annotated[Timestamp, example("2026-03-31T09:00:00.000Z")]
    """When the report expires."""
    status: Annotated[ReportStatus, example("open")]
    """Whether it is open, or how it was closed."""
    closed_by: NotRequired[Annotated[Text, Field(max_length=255), example("alice")]]
    """The id of the owner or moderator who closed it."""
    closed_at: NotRequired[Timestamp]
    """When it was closed."""


class OwnReport(TypedDict):
    """A report that the caller has made."""

    conversation_id: ConversationId
    sequence_id: EventSequenceId
    """The `sequence_id` of the message."""
    reason: Annotated[Text, example("Advertising")]
    """The reason that the caller gave."""
    created_at: Timestamp
    """When the caller reported the message."""
