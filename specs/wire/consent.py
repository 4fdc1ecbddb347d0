"""The bodies of HTTP responses about consent, and the base of pages."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.actors import ParticipantType, Role
from chalicelib.core.protocol.fields import example
from chalicelib.core.protocol.object_fields import Count, Text, Timestamp
from chalicelib.core.protocol.objects import Block, ParticipantRef, PendingParticipant


class Page(TypedDict):
    """The field that pages of lists have in common."""

    next_cursor: NotRequired[Annotated[Text, example("eyJ1IjoxfQ")]]
    """Present if there are more entries: pass it as `cursor` to get the next page."""


class Addition(TypedDict):
    """A participant who was added: a member at once, or pending until they accept."""

    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The participant's id: the `sub` of their tokens."""
    name: Annotated[Text, example("Bob")]
    """The display name."""
    role: Annotated[Role, example("member")]
    """The role, if pending after acceptance."""
    membership: Literal["active", "pending"]
    """`pending`: the participant must accept. The answer does not depend on the cause."""
    type: NotRequired[ParticipantType]
    """Of a member: whether the participant is a person or a program."""
    joined_at: NotRequired[Timestamp]
    """Of a member: when the participant joined."""
    online: NotRequired[bool]
    """Of a member: whether a connection of the participant is subscribed to the conversation."""
    muted_until: NotRequired[Annotated[Timestamp, example("2026-03-01T10:05:00.000Z")]]
    """Of a member: when the mute ends."""
    read_up_to: NotRequired[Annotated[Count, example(2)]]
    """Of a member: the `sequence_id` up to which the participant has read."""
    avatar_url: NotRequired[Annotated[str, example("https://cdn.example.com/bob.png")]]
    """Of a member: the picture in the participant's profile."""
    added_by: NotRequired[ParticipantRef]
    """If pending: the participant who made the addition."""
    added_at: NotRequired[Timestamp]
    """If pending: when the addition was made."""
    expires_at: NotRequired[Annotated[Timestamp, example("2026-03-31T09:00:00.000Z")]]
    """If pending: when it expires."""


class Pending(Page):
    """A page of the pending memberships in a conversation."""

    pending: list[PendingParticipant]
    """The pending memberships."""


class Blocks(Page):
    """A page of the caller's blocks."""

    blocks: list[Block]
    """The blocks."""
