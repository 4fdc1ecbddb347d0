"""The objects in responses and frames. `serializers.py` builds them; the published documents describe them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.actors import ParticipantType, Role
from chalicelib.core.model.events import Event
from chalicelib.core.model.moderation import AuditAction
from chalicelib.core.protocol.fields import EventSequenceId, JoinPolicyField, example
from chalicelib.core.protocol.object_fields import ConversationId, Count, InviteId, Text, Timestamp


class ParticipantRef(TypedDict):
    """A reference to a participant."""

    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The participant's id: the `sub` of their tokens."""
    name: Annotated[Text, example("Bob")]
    """The display name."""
    type: ParticipantType
    """Whether the participant is a person or a program."""


class Sender(TypedDict):
    """The participant who caused an event, or the system: a service, for no participant."""

    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The participant's id: the `sub` of their tokens. `system` for the system, which no participant can be."""
    name: Annotated[Text, example("Bob")]
    """The display name."""
    type: Annotated[Literal["human", "agent", "system"], example("human")]
    """Whether it is a person, a program, or the system. Members cannot send as the system, whatever their name."""
    via: NotRequired[Literal["service"]]
    """Present if a service did it for the participant."""


class Participant(ParticipantRef):
    """A participant of a conversation."""

    role: Annotated[Role, example("member")]
    """The role in the conversation."""
    joined_at: Timestamp
    """When the participant joined."""
    online: bool
    """Whether a connection of the participant is subscribed to the conversation."""
    muted_until: NotRequired[Annotated[Timestamp, example("2026-03-01T10:05:00.000Z")]]
    """When the mute ends: until then the participant can read, but not write."""


class ParticipantView(Participant):
    """A participant of a conversation with the read pointer, as in lists of the present participants."""

    read_up_to: Annotated[Count, example(2)]
    """The `sequence_id` up to which the participant has read."""
    avatar_url: NotRequired[Annotated[str, example("https://cdn.example.com/bob.png")]]
    """The picture in the participant's profile."""


class AddedParticipant(ParticipantView):
    """A participant who was added."""

    membership: Literal["active"]
    """That the participant is a member."""


class BannedRef(TypedDict):
    """A reference to a banned person, who may never have been a participant."""

    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The person's id: the `sub` of their tokens."""
    name: NotRequired[Annotated[Text, example("Bob")]]
    """The display name when they were a participant; absent if they were not."""


class Ban(BannedRef):
    """A ban."""

    banned_by: Annotated[Text, example("alice")]
    """The id of the participant who set the ban."""
    banned_at: Annotated[Timestamp, example("2026-03-01T09:05:00.000Z")]
    """When the ban was set."""


class Block(TypedDict):
    """A block that the caller has set."""

    participant_id: Annotated[Text, Field(max_length=255), example("mallory")]
    """The id of the blocked participant; a pseudonym `erased_…` after their erasure."""
    blocked_at: Annotated[Timestamp, example("2026-03-01T09:05:00.000Z")]
    """When the block was set."""


class PendingParticipant(TypedDict):
    """A participant who has not accepted an addition yet, as owners and moderators see them."""

    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The participant's id: the `sub` of their tokens."""
    name: Annotated[Text, example("Bob")]
    """The display name that the adder gave."""
    role: Annotated[Role, example("member")]
    """The role after acceptance."""
    membership: Literal["pending"]
    """That it waits for acceptance."""
    added_by: ParticipantRef
    """The participant who made the addition."""
    added_at: Timestamp
    """When the addition was made."""
    expires_at: Annotated[Timestamp, example("2026-03-31T09:00:00.000Z")]
    """When it expires."""


class PendingMembership(TypedDict):
    """A pending membership of the caller: `join` accepts it, `leave` declines it."""

    conversation_id: ConversationId
    title: Annotated[str, example("Trip to Oslo")]
    """The title when the addition was made."""
    role: Annotated[Role, example("member")]
    """The role after acceptance."""
    membership: Literal["pending"]
    """That it waits for acceptance."""
    added_by: ParticipantRef
    """The participant who made the addition."""
    added_at: Timestamp
    """When the addition was made."""
    direct: NotRequired[Literal[True]]
    """Present if it is a request for a direct conversation."""
    expires_at: Annotated[Timestamp, example("2026-03-31T09:00:00.000Z")]
    """When it expires."""


class Invite(TypedDict):
    """An invite, without its secret."""

    invite_id: InviteId
    expires_at: Annotated[Timestamp, example("2026-03-08T09:00:00.000Z")]
    """When the invite expires."""
    max_uses: Annotated[int | None, example(10)]
    """How many participants can join with it; null: any number."""


class ListedInvite(Invite):
    """An invite in a list."""

    created_by: Annotated[Text, example("alice")]
    """The id of the participant who created the invite."""
    created_at: Timestamp
    """When the invite was created."""
    uses: Annotated[Count, example(3)]
    """How many participants have joined with it."""


class AuditEntry(TypedDict):
    """An action of a participant with a role. The optional fields depend on `action`."""

    sequence_id: EventSequenceId
    """The `sequence_id` of the action's event. Without an event: the head when the action was taken."""
    created_at: Timestamp
    """When the action was taken."""
    action: Annotated[AuditAction, example("role_changed")]
    """The action."""
    actor_id: Annotated[Text, example("alice")]
    """The id of the participant who took the action."""
    participant_id: NotRequired[Annotated[Text, example("bob")]]
    """The id of the participant concerned."""
    target: NotRequired[EventSequenceId]
    """The `sequence_id` of the message concerned."""
    role: NotRequired[Annotated[Role, example("moderator")]]
    """The new role."""
    muted_until: NotRequired[Annotated[Timestamp, example("2026-03-01T10:05:00.000Z")]]
    """When the mute ends."""
    invite_id: NotRequired[InviteId]
    service: NotRequired[Annotated[Text, example("backend")]]
    """The client id of the service that took the action for the participant."""


class PersonalState(TypedDict):
    """The state of a conversation for the caller alone, as `PATCH /conversations/{id}/me` sets it."""

    archived: Annotated[bool, example(False)]
    """Whether the caller has archived it: it does not count in `total_unread`."""
    pinned: Annotated[bool, example(False)]
    """Whether it comes first in the caller's list."""
    notifications_muted: Annotated[bool, example(False)]
    """Whether the caller wants no notifications of it."""


class OtherParticipant(ParticipantRef):
    """The other participant of a direct conversation."""

    avatar_url: NotRequired[Annotated[str, example("https://cdn.example.com/bob.png")]]
    """The picture in the participant's profile."""


class Conversation(TypedDict):
    """A conversation, as its participants see it."""

    conversation_id: ConversationId
    title: Annotated[str, example("Trip to Oslo")]
    """The title."""
    created_at: Timestamp
    """When the conversation was created."""
    created_by: Annotated[Text, example("alice")]
    """The id of the participant who created the conversation."""
    updated_at: Annotated[Timestamp, example("2026-03-01T09:05:00.000Z")]
    """When the newest event was appended."""
    join_policy: JoinPolicyField
    metadata: Annotated[dict[str, Any], example({"colour": "green"})]
    """Data of the application."""
    head: EventSequenceId
    """The `sequence_id` of the newest event."""
    message_count: Annotated[Count, example(1)]
    """How many messages there are up to `head`, deleted ones included."""
    participant_count: Annotated[Count, example(2)]
    """How many participants the conversation has."""
    me: NotRequired[PersonalState]
    """The state of the conversation for the caller alone."""
    retention_days: NotRequired[Annotated[int, example(365)]]
    """After how many days content expires. Absent: as configured for the deployment."""
    participants: NotRequired[list[ParticipantView]]
    """The participants, at most 100."""
    direct: NotRequired[Literal[True]]
    """Present if it is the direct conversation of two participants."""
    other: NotRequired[OtherParticipant]
    """The other participant, in a direct conversation of the caller. Absent after their erasure."""
    pending: NotRequired[list[PendingParticipant]]
    """Those who must accept a creation, or a direct conversation that the caller opened. Absent if none must."""
    participants_truncated: NotRequired[Literal[True]]
    """Present if `participants` does not list all of them."""
    last_message: NotRequired[Event]
    """The newest message, in its current state."""
    unread_count: NotRequired[Annotated[Count, example(0)]]
    """How many messages of others there are after `read_up_to`."""
    read_up_to: NotRequired[Annotated[Count, example(2)]]
    """The `sequence_id` up to which the caller has read."""
    messages: NotRequired[list[Event]]
    """The newest messages in their current state, in ascending order."""
