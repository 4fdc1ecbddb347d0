"""What clients say by HTTP: bodies and queries (`commands.py` has what is said over the socket).

What a function of the socket needs is not here, and it does not load this.
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
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.core.protocol.fields import (
    ClientMessageId,
    Emoji,
    Metadata,
    Name,
    ParticipantId,
    R,
    Request,
    SequenceId,
    Title,
    not_null,
    path_segment,
    validated,
)
from chalicelib.core.protocol.message_fields import EditFields, MessageFields

MAX_PAGE = 100
MAX_MUTE_SECONDS = 30 * 24 * 3600


def _digits(value: Any) -> Any:
    """A number in a query string: digits only, so that `+5`, `5.0` and blanks are refused."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value):
        return int(value)
    raise PydanticCustomError("digits", "must be a whole number in digits")


QueryNumber = Annotated[SequenceId, BeforeValidator(_digits)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_digits)]


class Query(BaseModel):
    """Base of queries: their values are strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class NewParticipant(Request):
    """`POST /conversations/{id}/participants`, and an entry of `participants` at creation."""

    participant_id: ParticipantId
    name: Name
    role: Role = "member"
    type: ParticipantType = "human"


class CreateConversation(Request):
    """`POST /conversations`."""

    title: Title
    participants: list[NewParticipant] = Field([])
    join_policy: JoinPolicy = "invite"
    metadata: Metadata = Field({})


class UpdateConversation(Request):
    """`PATCH /conversations/{id}`: what is not there stays as it is."""

    title: Title | None = None
    join_policy: JoinPolicy | None = None
    metadata: Metadata | None = None
    retention_days: Annotated[int, Field(ge=MIN_RETENTION_DAYS, le=MAX_RETENTION_DAYS)] | None = None
    """Null: as the deployment has it."""

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: Any) -> Any:
        """Elsewhere null stands for "not there"; in a change it could be read as "remove this"."""
        if isinstance(value, dict) and any(value[name] is None for name in value if name != "retention_days"):
            raise PydanticCustomError("null", "must not hold null: leave out what stays as it is")
        return value


class Join(Request):
    """`POST /conversations/{id}/join`."""

    invite: Annotated[str, Field(max_length=128)] | None = None


class EmptyBody(Request):
    """A request that says all by its path."""


class UpdateParticipant(Request):
    """`PATCH /conversations/{id}/participants`: one of the two at least; what is not there stays as it is."""

    role: Annotated[Role | None, BeforeValidator(not_null)] = None
    muted_for: Annotated[int | None, Field(ge=0, le=MAX_MUTE_SECONDS), BeforeValidator(not_null)] = None

    @model_validator(mode="after")
    def _something(self) -> UpdateParticipant:
        if self.role is None and self.muted_for is None:
            raise PydanticCustomError("nothing", "must have role or muted_for")
        return self


class CreateInvite(Request):
    """`POST /conversations/{id}/invites`."""

    expires_in: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 7 * 24 * 3600
    max_uses: Annotated[int, Field(ge=1, le=1_000)] | None = None


class SendMessage(MessageFields):
    """`POST /conversations/{id}/messages`."""

    client_message_id: ClientMessageId | None = None


class EditMessage(EditFields):
    """`PATCH /conversations/{id}/messages/{sequence_id}`: mentions and metadata stay, unless they are there."""


class MoveReadPointer(Request):
    """`PUT /conversations/{id}/read`."""

    sequence_id: SequenceId


class EmptyQuery(Query):
    """A request without a query string."""


class ParticipantQuery(Query):
    """Which participant is meant."""

    participant_id: ParticipantId


class RemoveParticipantQuery(ParticipantQuery):
    """`DELETE /conversations/{id}/participants`."""

    ban: Literal["true", "false"] = "false"


class PageQuery(Query):
    """A page of a list."""

    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=512)] | None = None


class ExportQuery(Query):
    """`GET /me/export`."""

    cursor: Annotated[str, Field(max_length=512)] | None = None


class ConversationsQuery(PageQuery):
    """`GET /conversations`."""


class AuditQuery(PageQuery):
    """`GET /conversations/{id}/audit`."""

    after: QueryNumber | None = None


class MessagesQuery(Query):
    """`GET /conversations/{id}/messages`."""

    before: QueryNumber | None = None
    after: QueryNumber | None = None
    limit: Limit = 50


class EmojiQuery(Query):
    """Which reaction is meant."""

    emoji: Emoji


class ReactionsQuery(Query):
    """`GET /conversations/{id}/messages/{sequence_id}/reactions`."""

    emoji: Emoji | None = None
    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=512)] | None = None


class EventsQuery(Query):
    """`GET /conversations/{id}/events`."""

    after: QueryNumber = 0
    limit: Limit = 50


def parse_body(model: type[R], body: bytes, limits: Limits) -> R:
    """The JSON body of an HTTP request as a `model`. Where every field is optional, no body at all will do.

    Raises:
        TooLarge: more bytes than the limit.
        InvalidJson: not JSON.
        ValidationFailed: of the wrong shape.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(f"A request body may have at most {limits.body_bytes} bytes.")
    if not body and not any(field.is_required() for field in model.model_fields.values()):
        return validated(model, {}, limits)
    return validated(model, json_codec.parse(body), limits)


def parse_query(model: type[R], query: Mapping[str, Sequence[str]]) -> R:
    """The query string of an HTTP request as a `model`.

    Raises:
        ValidationFailed: unknown, repeated or malformed parameters.
    """
    repeated: list[Problem] = [
        {"path": path_segment(name), "problem": "must be given once"}
        for name, values in query.items()
        if len(values) > 1
    ]
    if repeated:
        raise ValidationFailed(details=repeated)
    return validated(model, {name: values[0] for name, values in query.items()}, Limits())
