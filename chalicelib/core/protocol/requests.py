"""The bodies and queries of HTTP requests. `commands.py` has the frames that clients send over the WebSocket.

The functions of the WebSocket do not load this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import Problem, TooLarge, ValidationFailed
from chalicelib.core.kernel.limits import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, Limits
from chalicelib.core.model.actors import ParticipantType, Role
from chalicelib.core.protocol.batch import BatchFields
from chalicelib.core.protocol.fields import (
    ClientMessageId,
    Emoji,
    HistoryIdText,
    JoinPolicyField,
    Metadata,
    Name,
    ParticipantId,
    SequenceId,
    Title,
    not_null,
)
from chalicelib.core.protocol.message_fields import EditFields, SendFields
from chalicelib.core.protocol.validation import R, Request, path_segment, validated

MAX_PAGE = 100
MAX_MUTE_SECONDS = 30 * 24 * 3600


def _digits(value: Any) -> Any:
    """Return a number in a query string. Digits only: `+5`, `5.0` and spaces are rejected."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value):
        return int(value)
    raise PydanticCustomError("digits", "must be a whole number in digits")


_DIGITS_RULE = "Decimal digits only."
QueryNumber = Annotated[SequenceId, BeforeValidator(_digits), Field(description=_DIGITS_RULE)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE, description=_DIGITS_RULE), BeforeValidator(_digits)]
Cursor = Annotated[str, Field(max_length=512)]


class Query(BaseModel):
    """The base of queries: their values are strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


# ---- bodies --------------------------------------------------------------------------------------------


class NewParticipant(Request):
    """A participant to add."""

    participant_id: ParticipantId
    """The participant's id: the `sub` of their tokens."""
    name: Name
    """The display name."""
    role: Role = "member"
    """The role in the conversation."""
    type: ParticipantType = "human"
    """Whether the participant is a person or a program."""


class CreateConversation(Request):
    """A new conversation."""

    title: Title
    """The title."""
    participants: list[NewParticipant] = Field([])
    """The first participants, besides the caller."""
    join_policy: JoinPolicyField = "invite"
    metadata: Metadata = Field({})
    """Data of the application, stored unchanged."""


class UpdateConversation(Request):
    """Changes to a conversation. A field that is left out keeps its value."""

    title: Annotated[Title | None, BeforeValidator(not_null)] = None
    """The new title."""
    join_policy: Annotated[JoinPolicyField | None, BeforeValidator(not_null)] = None
    metadata: Annotated[Metadata | None, BeforeValidator(not_null)] = None
    """The new metadata."""
    retention_days: Annotated[int, Field(ge=MIN_RETENTION_DAYS, le=MAX_RETENTION_DAYS, examples=[365])] | None = (
        None
    )
    """After how many days content expires. Null: as configured for the deployment."""


class Join(Request):
    """Joining a conversation."""

    invite: Annotated[str, Field(max_length=128, examples=["inv_bGV0cyBlbnRlciBhbGwgb2Z"])] | None = None
    """The secret of an invite; not needed for an open conversation."""


class EmptyBody(Request):
    """An empty object."""


class UpdateParticipant(Request):
    """Changes to a participant: at least one field. A field that is left out keeps its value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    role: Annotated[Role | None, BeforeValidator(not_null)] = None
    """The new role."""
    muted_for: Annotated[
        int | None, Field(ge=0, le=MAX_MUTE_SECONDS, examples=[3_600]), BeforeValidator(not_null)
    ] = None
    """For how many seconds the participant is muted; 0 ends a mute."""

    @model_validator(mode="after")
    def _has_a_field(self) -> UpdateParticipant:
        if self.role is None and self.muted_for is None:
            raise PydanticCustomError("nothing", "must have role or muted_for")
        return self


class CreateInvite(Request):
    """A new invite."""

    expires_in: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 7 * 24 * 3600
    """For how many seconds the invite is valid."""
    max_uses: Annotated[int, Field(ge=1, le=1_000, examples=[10])] | None = None
    """How many participants can join with it. Null or left out: any number."""


class SendMessage(SendFields):
    """A new message."""

    client_message_id: ClientMessageId | None = None
    """The idempotency key: a repeat with the same id of the same participant is the same message."""


class EditMessage(EditFields):
    """An edit of a message. Mentions and metadata that are left out keep their value."""


class ExecuteBatch(BatchFields):
    """Commands for one or several conversations, as on the WebSocket."""


class MoveReadPointer(Request):
    """The new position of the caller's read pointer."""

    sequence_id: SequenceId
    """The last event that was read; at most the head."""


# ---- queries -------------------------------------------------------------------------------------------


class EmptyQuery(Query):
    """The query of routes that take no parameters."""


class ParticipantQuery(Query):
    """The query of routes about one participant."""

    participant_id: ParticipantId
    """The participant's id: the `sub` of their tokens."""


class RemoveParticipantQuery(ParticipantQuery):
    """The query of `DELETE /conversations/{id}/participants`."""

    ban: Literal["true", "false"] = "false"
    """`true`: the participant cannot return until the ban is lifted."""


class PageQuery(Query):
    """The query of lists in pages."""

    limit: Limit = 50
    """The maximum number of entries."""
    cursor: Cursor | None = None
    """The `next_cursor` of the previous page."""


class ExportQuery(Query):
    """The query of `GET /me/export`."""

    cursor: Cursor | None = None
    """The `next_cursor` of the previous page."""


class ConversationsQuery(PageQuery):
    """The query of `GET /conversations`."""

    order: Literal["activity", "created"] = "activity"
    """`activity`: latest message first. A conversation that becomes active between two pages is in neither.
    `created`: oldest first. Each conversation of which the caller stays a participant is in exactly one page."""


class AuditQuery(PageQuery):
    """The query of `GET /conversations/{id}/audit`."""

    after: QueryNumber | None = None
    """Only entries after this `sequence_id`."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class MessagesQuery(Query):
    """The query of `GET /conversations/{id}/messages`."""

    before: QueryNumber | None = None
    """Only messages before this `sequence_id`; not together with `after`."""
    after: QueryNumber | None = None
    """Only messages after this `sequence_id`."""
    limit: Limit = 50
    """The maximum number of messages."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class EmojiQuery(Query):
    """The query of routes about one reaction."""

    emoji: Emoji
    """The reaction."""


class RemoveReactionQuery(EmojiQuery):
    """The query of `DELETE /conversations/{id}/messages/{sequence_id}/reactions`."""

    participant_id: ParticipantId | None = None
    """Whose reaction it is: by default the caller's. Owners and moderators may remove those of others."""


class ReactionsQuery(Query):
    """The query of `GET /conversations/{id}/messages/{sequence_id}/reactions`."""

    emoji: Emoji | None = None
    """Only this reaction."""
    limit: Limit = 50
    """The maximum number of entries."""
    cursor: Cursor | None = None
    """The `next_cursor` of the previous page."""


class EventsQuery(Query):
    """The query of `GET /conversations/{id}/events`."""

    after: QueryNumber = 0
    """Only events after this `sequence_id`; 0 is the beginning."""
    limit: Limit = 50
    """The maximum number of events."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


# ---- parsing -------------------------------------------------------------------------------------------


def parse_body(model: type[R], body: bytes, limits: Limits) -> R:
    """Return the JSON body of an HTTP request as a `model`. If no field is required, the body may be empty.

    Raises:
        TooLarge: it has more bytes than the limit.
        InvalidJson: it is not valid JSON.
        ValidationFailed: it does not match the model.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(f"A request body must have at most {limits.body_bytes} bytes.")
    if not body and not any(field.is_required() for field in model.model_fields.values()):
        return validated(model, {}, limits)
    return validated(model, json_codec.parse(body), limits)


def parse_query(model: type[R], query: Mapping[str, Sequence[str]]) -> R:
    """Return the query string of an HTTP request as a `model`.

    Raises:
        ValidationFailed: a parameter is unknown, repeated or malformed.
    """
    repeated: list[Problem] = [
        {"path": path_segment(name), "problem": "must be given once"}
        for name, values in query.items()
        if len(values) > 1
    ]
    if repeated:
        raise ValidationFailed(details=repeated)
    return validated(model, {name: values[0] for name, values in query.items()}, Limits())
