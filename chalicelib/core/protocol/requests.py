"""The bodies of HTTP requests. `queries.py` has their queries, `commands.py` the commands of the WebSocket.

The functions of the WebSocket do not load this module.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import TooLarge
from chalicelib.core.kernel.limits import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, Limits
from chalicelib.core.model.actors import Role
from chalicelib.core.protocol.batch import BatchFields
from chalicelib.core.protocol.field_rules import not_null, not_reserved
from chalicelib.core.protocol.fields import (
    AvatarUrl,
    ClientMessageId,
    JoinPolicyField,
    Metadata,
    Name,
    ParticipantId,
    ReportReason,
    SequenceId,
    Title,
)
from chalicelib.core.protocol.message_fields import EditFields, MessageFields, SendFields
from chalicelib.core.protocol.validation import R, Request, validated

MAX_MUTE_SECONDS = 30 * 24 * 3600


class NewParticipant(Request):
    """A participant to add."""

    participant_id: Annotated[ParticipantId, AfterValidator(not_reserved)]
    """The participant's id: the `sub` of their tokens."""
    name: Name
    """The display name."""
    role: Role = "member"
    """The role in the conversation."""


class CreateConversation(Request):
    """A new conversation."""

    title: Title
    """The title."""
    participants: list[NewParticipant] = Field([])
    """The first participants, besides the caller."""
    join_policy: JoinPolicyField = "invite"
    metadata: Metadata = Field({})
    """Data of the application, stored unchanged."""


class OpenDirect(Request):
    """How to show the other participant of a direct conversation."""

    name: Annotated[Name | None, BeforeValidator(not_null)] = None
    """The display name until the participant is a member: by default the id."""


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


class UpdatePersonalState(Request):
    """Changes of the state of a conversation for the caller alone: at least one field."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    archived: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether the conversation is archived: it does not count in `total_unread`."""
    pinned: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether it comes first in the list."""
    notifications_muted: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether the caller wants no notifications of it."""

    @model_validator(mode="after")
    def _has_a_field(self) -> UpdatePersonalState:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "must have archived, pinned or notifications_muted")
        return self


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


class SendSystemMessage(MessageFields):
    """A system message, which a service sends for no participant."""

    client_message_id: ClientMessageId
    """The idempotency key: a repeat with the same id of the same service is the same message."""
    seen: ClassVar[None] = None


class UpdateParticipantState(Request):
    """Decisions of a service about a participant: at least one field. A field that is left out keeps its value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    suspended: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether the participant is suspended everywhere."""
    agent: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether the participant is an agent, whatever their tokens claim."""

    @model_validator(mode="after")
    def _has_a_field(self) -> UpdateParticipantState:
        if self.suspended is None and self.agent is None:
            raise PydanticCustomError("nothing", "must have suspended or agent")
        return self


class EditMessage(EditFields):
    """An edit of a message. Mentions and metadata that are left out keep their value."""


class ExecuteBatch(BatchFields):
    """Commands for one or several conversations, as on the WebSocket."""


class ReportMessage(Request):
    """A report of a message."""

    reason: ReportReason
    """Why the message is reported. Owners and moderators see it, the author does not."""


class SetProfile(Request):
    """A profile. A field that is left out is removed."""

    name: Name
    """The display name in all conversations."""
    avatar_url: AvatarUrl | None = None
    """The picture."""
    metadata: Metadata = Field({})
    """Data of the application, stored unchanged. Other participants do not see it."""


class CloseReport(Request):
    """The result of a report."""

    status: Literal["resolved", "dismissed"]
    """`resolved`: something was done. `dismissed`: nothing had to be done."""


class MoveReadPointer(Request):
    """The new position of the caller's read pointer."""

    sequence_id: SequenceId
    """The last event that was read; at most the head."""


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
