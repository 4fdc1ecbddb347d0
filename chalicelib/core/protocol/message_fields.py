"""The content of messages and edits: declared once, for the socket and for HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from chalicelib.core.protocol.fields import (
    Content,
    EventSequenceId,
    Mentions,
    Metadata,
    NewMentions,
    NewMetadata,
    SequenceId,
)
from chalicelib.core.protocol.validation import Request


class MessageFields(Request):
    """The content of a new message."""

    content: Content
    """The text."""
    reply_to: EventSequenceId | None = None
    """The `sequence_id` of the message that this one answers."""
    mentions: Mentions = Field([])
    """The ids of the participants that the message mentions."""
    metadata: Metadata | None = None
    """Data of the application, stored unchanged."""


class SendFields(MessageFields):
    """A new message: its content, and what its sender has seen."""

    seen: SequenceId | None = None
    """The last event that the sender has seen; at most the head. If it is the one directly before the message, the
    sender's read pointer moves over the message."""


class EditFields(Request):
    """The new content of a message. A field that is left out keeps its value."""

    content: Content
    """The new text."""
    mentions: NewMentions = None
    """The new mentions; an empty list removes them."""
    metadata: NewMetadata = None
    """The new metadata; an empty object removes it."""


def content_of(message: MessageFields) -> dict[str, Any]:
    """Return the fields for the event of a new message: those that differ from their default."""
    return _given(message, MessageFields)


def changes_of(edit: EditFields) -> dict[str, Any]:
    """Return the fields that an edit changes. An empty value removes a field from the message."""
    return _given(edit, EditFields)


def _given(message: Request, fields: type[Request]) -> dict[str, Any]:
    defaults = {name: field.default for name, field in fields.model_fields.items()}
    return {name: value for name, default in defaults.items() if (value := getattr(message, name)) != default}
