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
    Request,
)


class MessageFields(Request):
    """The content of a new message."""

    content: Content
    reply_to: EventSequenceId | None = None
    mentions: Mentions = Field([])
    metadata: Metadata | None = None


class EditFields(Request):
    """The new content of a message. Fields that are left out keep their value."""

    content: Content
    mentions: NewMentions = None
    metadata: NewMetadata = None


def content_of(message: MessageFields) -> dict[str, Any]:
    """Return the fields for the event of a new message: those that differ from their default."""
    return _given(message, MessageFields)


def changes_of(edit: EditFields) -> dict[str, Any]:
    """Return the fields that an edit changes. An empty value removes a field from the message."""
    return _given(edit, EditFields)


def _given(message: Request, fields: type[Request]) -> dict[str, Any]:
    defaults = {name: field.default for name, field in fields.model_fields.items()}
    return {name: value for name, default in defaults.items() if (value := getattr(message, name)) != default}
