"""The bodies of HTTP responses. Routes refer to them by name (`chalicelib/edge/routes.py`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.actors import ParticipantType
from chalicelib.core.model.events import Event
from chalicelib.core.protocol.endpoint_objects import (
    Endpoint,
    EndpointState,
    EndpointTest,
    NewEndpoint,
    NewSecret,
    Resumption,
)
from chalicelib.core.protocol.fields import EventSequenceId, SequenceId, example
from chalicelib.core.protocol.object_fields import Count, Text, Timestamp
from chalicelib.core.protocol.objects import (
    AuditEntry,
    Ban,
    Conversation,
    Invite,
    ListedInvite,
    ParticipantView,
    PendingMembership,
    PersonalState,
)
from chalicelib.core.protocol.profile_objects import Profile
from chalicelib.core.protocol.reaction_objects import ReactionDetail
from chalicelib.core.protocol.report_objects import Report
from specs.version import VERSION
from specs.wire.consent import Addition, Blocks, Page, Pending
from specs.wire.endpoints import Endpoints
from specs.wire.errors import ErrorResponse
from specs.wire.exports import Export
from specs.wire.reports import Reports
from specs.wire.service import ParticipantState, ServiceConversations


class ConversationList(Page):
    """A page of the caller's conversations, most recently active first."""

    conversations: list[Conversation]
    """The conversations; none with `membership=pending`."""
    pending: NotRequired[list[PendingMembership]]
    """With `membership=pending`: those that the caller can accept."""
    total_unread: NotRequired[Annotated[Count, example(3)]]
    """With `order=activity`: how many messages of others are unread in all conversations that are not archived."""


class Messages(TypedDict):
    """A page of history."""

    messages: list[Event]
    """The messages in their current state, in ascending order."""
    has_more: Annotated[bool, example(False)]
    """Whether there are more messages in the requested direction. A page can be short, or empty, all the same."""
    next_before: NotRequired[EventSequenceId]
    """The `before` of the next page, if there are more and `after` was not given."""
    next_after: NotRequired[SequenceId]
    """The `after` of the next page, if there are more and `after` was given."""


class Reactions(Page):
    """A page of the reactions to a message, grouped by emoji."""

    reactions: list[ReactionDetail]
    """The reactions."""


class NewInvite(Invite):
    """A new invite. Its secret is returned only here."""

    invite: Annotated[str, Field(pattern="^inv_[A-Za-z0-9_-]+$"), example("inv_bGV0cyBlbnRlciBhbGwgb2Z")]
    """The secret: anyone who has it can join."""


class Invites(Page):
    """A page of the invites that have not expired."""

    invites: list[ListedInvite]
    """The invites."""


class Bans(Page):
    """A page of the bans."""

    bans: list[Ban]
    """The bans."""


class Audit(Page):
    """A page of the audit log, in ascending order."""

    entries: list[AuditEntry]
    """The entries."""


class Events(TypedDict):
    """A page of the log."""

    events: list[Event]
    """The events, in ascending order and without gaps."""
    head: EventSequenceId
    """The `sequence_id` of the newest event."""
    has_more: Annotated[bool, example(False)]
    """Whether there are more events after the last one in `events`. A page can be short all the same."""
    next_after: NotRequired[SequenceId]
    """The `after` of the next page, if there are more."""


class LeaveResult(TypedDict):
    """The result of leaving."""

    remaining_participants: NotRequired[Count]
    """How many participants the conversation still has. Absent if a pending membership was declined."""


class ReadPointer(TypedDict):
    """The caller's read pointer."""

    read_up_to: Annotated[Count, example(2)]
    """The `sequence_id` up to which the caller has read."""
    unread_count: Annotated[Count, example(0)]
    """How many messages of others there are after `read_up_to`."""


class Caller(TypedDict):
    """The caller, as the token identifies them."""

    participant_id: Annotated[Text, example("alice")]
    """The token's `sub`."""
    name: NotRequired[Annotated[Text, example("Alice")]]
    """The token's `name`, if it is usable."""
    type: ParticipantType
    """Whether the token is that of a person or a program."""
    expires_at: Annotated[Timestamp, example("2026-03-01T10:00:00.000Z")]
    """When the token expires, without the leeway."""
    profile: NotRequired[Profile]
    """The caller's profile, if there is one. Its name comes before that of the token."""


class Erasure(TypedDict):
    """The progress of the caller's erasure."""

    status: Literal["running", "done"]
    """Whether the erasure has finished."""
    conversations_total: Annotated[Count, example(3)]
    """How many conversations hold data of the caller."""
    conversations_done: Count
    """In how many of them the data has been erased."""
    requested_at: Annotated[Timestamp, example("2026-03-01T09:10:00.000Z")]
    """When the erasure was requested."""
    finished_at: NotRequired[Annotated[Timestamp, example("2026-03-01T09:11:00.000Z")]]
    """When the erasure finished."""


class Ticket(TypedDict):
    """A single-use ticket to open a WebSocket connection."""

    ticket: Annotated[Text, example("AbCdEf0123456789AbCdEf01234567")]
    """The value of `?ticket=…` in the URL of the WebSocket."""
    expires_in: Annotated[int, Field(ge=1, examples=[Timing().ticket_lifetime])]
    """For how many seconds the ticket is valid."""


class Health(TypedDict):
    """The health of the service and its store."""

    status: Literal["ok", "unavailable"]
    """Whether all checks passed."""
    checks: Annotated[dict[str, str], example({"conversations": "ok", "connections": "ok"})]
    """The result of each check."""
    version: Annotated[str, example(VERSION)]
    """The deployed version."""


class OpenApi(TypedDict):
    """This document."""

    openapi: Literal["3.1.0"]
    info: Annotated[dict[str, Any], example({"title": "Serverless chat: HTTP", "version": VERSION})]
    """The title and version."""
    servers: Annotated[list[dict[str, Any]], example([{"url": "."}])]
    """Where the API is served."""
    security: Annotated[list[dict[str, Any]], example([{"token": []}, {"service": []}])]
    """The credential that requests need by default."""
    paths: Annotated[dict[str, Any], example({})]
    """The operations."""
    components: Annotated[dict[str, Any], example({})]
    """The shared schemas and responses."""


RESPONSES: dict[str, Any] = {
    response.__name__: response
    for response in (
        Addition,
        Audit,
        Bans,
        Blocks,
        Caller,
        Conversation,
        ConversationList,
        Erasure,
        ErrorResponse,
        Events,
        Export,
        Health,
        Invites,
        LeaveResult,
        Messages,
        NewInvite,
        OpenApi,
        ParticipantState,
        ParticipantView,
        Pending,
        PersonalState,
        Profile,
        Reactions,
        ReadPointer,
        Report,
        Reports,
        ServiceConversations,
        Endpoint,
        Endpoints,
        EndpointState,
        EndpointTest,
        NewEndpoint,
        NewSecret,
        Resumption,
        Ticket,
    )
}
"""The responses by name."""
