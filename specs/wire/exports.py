"""The export of a participant's own data."""

from __future__ import annotations

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from chalicelib.core.model.actors import Role
from chalicelib.core.model.events import Event
from chalicelib.core.protocol.fields import example
from chalicelib.core.protocol.object_fields import ConversationId, Count, Text, Timestamp
from chalicelib.core.protocol.objects import Block, PendingMembership, PersonalState
from chalicelib.core.protocol.report_objects import OwnReport
from specs.wire.consent import Page


class Exported(TypedDict):
    """A conversation of the caller. A former participant gets its id only."""

    conversation_id: ConversationId
    is_participant: bool
    """Whether the caller is a participant."""
    title: NotRequired[Annotated[str, example("Trip to Oslo")]]
    """The title."""
    created_at: NotRequired[Timestamp]
    """When the conversation was created."""
    name: NotRequired[Annotated[Text, example("Bob")]]
    """The caller's display name."""
    role: NotRequired[Annotated[Role, example("member")]]
    """The caller's role."""
    joined_at: NotRequired[Timestamp]
    """When the caller joined."""
    read_up_to: NotRequired[Annotated[Count, example(2)]]
    """The `sequence_id` up to which the caller has read."""
    me: NotRequired[PersonalState]
    """The state of the conversation for the caller alone."""


class ExportedParticipant(TypedDict):
    """The participant whose data is exported."""

    participant_id: Annotated[Text, example("bob")]
    """The caller's id."""


class Export(Page):
    """A page of the caller's data. The last page has no `next_cursor`."""

    participant: ExportedParticipant
    """The caller."""
    conversations: list[Exported]
    """The caller's conversations."""
    blocks: list[Block]
    """The blocks that the caller has set, on the first pages."""
    pending: list[PendingMembership]
    """The pending memberships that the caller sees, on the first page."""
    reports: list[OwnReport]
    """The reports that the caller has made and that have not expired, after the blocks."""
    messages: list[Event]
    """The caller's messages in these conversations, in their current state and in ascending order."""
