"""The queries of HTTP requests. Values in a query string are strings.

The functions of the WebSocket do not load this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel.errors import Problem, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.conversations import Membership
from chalicelib.core.protocol.field_rules import not_reserved
from chalicelib.core.protocol.fields import Emoji, HistoryIdText, ParticipantId, SequenceId
from chalicelib.core.protocol.validation import R, path_segment, validated

MAX_PAGE = 100


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


class EmptyQuery(Query):
    """The query of routes that take no parameters."""


class ParticipantQuery(Query):
    """The query of routes about one participant."""

    participant_id: ParticipantId
    """The participant's id: the `sub` of their tokens."""


class PersonQuery(ParticipantQuery):
    """The query of routes for which a reserved id, as that of the system, has no meaning."""

    participant_id: Annotated[ParticipantId, AfterValidator(not_reserved)]
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
    membership: Literal["active", "pending"] = "active"
    """`pending`: those that wait for the caller's acceptance, oldest conversation first, whatever `order` is."""
    archived: Literal["true", "false"] | None = None
    """`true`: only those that the caller has archived; `false`: only the others. Without it, all."""

    def shows(self, member: Membership) -> bool:
        """Return whether the list has the conversation of a membership."""
        return self.archived is None or member.archived == (self.archived == "true")


class ServiceConversationsQuery(PageQuery):
    """The query of `GET /service/conversations`."""

    participant_id: ParticipantId | None = None
    """Only conversations of this participant."""


class ServiceExportQuery(ExportQuery):
    """The query of `GET /service/participants/export`."""

    participant_id: ParticipantId
    """The participant whose data is exported."""


class AuditQuery(PageQuery):
    """The query of `GET /conversations/{id}/audit`."""

    after: QueryNumber | None = None
    """Only entries after this `sequence_id`."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class ReportsQuery(PageQuery):
    """The query of `GET /conversations/{id}/reports`."""

    status: Literal["open", "closed"] = "open"
    """`closed`: those that were resolved or dismissed."""


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


class WriteQuery(Query):
    """The query of routes that write, and name sequence ids."""

    history_id: HistoryIdText | None = None
    """The history of the sequence ids in the request. If it is not that of the server, nothing is written."""


class EmojiQuery(WriteQuery):
    """The query of routes about one reaction."""

    emoji: Emoji
    """The reaction."""


class RemoveReactionQuery(EmojiQuery):
    """The query of `DELETE /conversations/{id}/messages/{sequence_id}/reactions`."""

    participant_id: ParticipantId | None = None
    """Whose reaction it is: by default the caller's. Owners and moderators may remove those of others."""


class ServiceRemoveReactionQuery(EmojiQuery):
    """The query of `DELETE /service/conversations/{id}/messages/{sequence_id}/reactions`."""

    participant_id: ParticipantId
    """Whose reaction it is."""


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
