"""The types of fields that only objects in responses and frames have. Published, and not validated at run time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

CONVERSATION_ID_PATTERN = "^conv_[A-Za-z0-9_-]+$"

Count = Annotated[int, Field(ge=0, examples=[1])]
ConversationId = Annotated[
    str,
    Field(
        description="The id of the conversation.",
        pattern=CONVERSATION_ID_PATTERN,
        examples=["conv_Zm9vYmFyYmF6cXV4cXV1eA"],
    ),
]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-03-01T09:00:00.000Z"],
    ),
]
"""UTC with milliseconds (RFC 3339), as `clock.rfc3339` writes it."""
InviteId = Annotated[
    str,
    Field(
        description="The id of the invite. It does not let anyone join.",
        pattern="^ivt_[A-Za-z0-9_-]+$",
        examples=["ivt_dGhpcyBpc24ndCBpdCBlaQ"],
    ),
]
Text = Annotated[str, Field(min_length=1)]
