"""The bodies of requests to webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.events import Event
from chalicelib.core.model.notify import NotifyReason
from chalicelib.core.protocol.endpoint_objects import EndpointId
from chalicelib.core.protocol.fields import EventSequenceId, HistoryIdText, example
from chalicelib.core.protocol.object_fields import ConversationId, Count, Text, Timestamp

_CHAT = "conv_Zm9vYmFyYmF6cXV4cXV1eA"
DeliveryId = Annotated[Text, example("dlv_2vYH0mC1oJ3t9qPzVb4nXw7kLrSdEaUf")]


class ThinSender(TypedDict):
    """The participant who caused an event, without name and type."""

    participant_id: Annotated[Text, example("alice")]
    """The participant's id."""


class ThinEvent(TypedDict):
    """An event without contents and names, for endpoints with `thin`, or of a deleted conversation."""

    conversation_id: ConversationId
    sequence_id: NotRequired[EventSequenceId]
    """The position in the log."""
    type: Annotated[Text, example("message")]
    """The type of the event."""
    created_at: Timestamp
    """When the event was appended."""
    sender: NotRequired[ThinSender]
    """The participant who caused the event."""
    message_id: NotRequired[Annotated[Text, example("msg_c29tZXRoaW5nMTIzNDU2Nw")]]
    """The message's id."""
    target: NotRequired[EventSequenceId]
    """The `sequence_id` of the message that an edit, deletion or reaction concerns."""


class LogResetEvent(TypedDict):
    """After a restore: copies of events above `head` of this conversation are void. It comes alone."""

    type: Literal["log_reset"]
    conversation_id: ConversationId
    created_at: Timestamp
    """When the receiver was first notified."""
    history_id: HistoryIdText
    """The history of the sequence ids from now on."""
    head: Annotated[Count, example(12)]
    """The last `sequence_id` that both histories have."""


class DeploymentEvent(TypedDict):
    """An event that belongs to no conversation."""

    sequence_id: EventSequenceId
    """The position in the log of the deployment."""
    type: Literal[
        "conversation_deleted",
        "conversation_purged",
        "participant_erased",
        "participant_suspended",
        "participant_unsuspended",
        "profile_changed",
        "report_created",
    ]
    """The type of the event."""
    created_at: Timestamp
    """When it happened."""
    conversation_id: NotRequired[ConversationId]
    """The conversation that was deleted, or has a new report."""
    target: NotRequired[EventSequenceId]
    """Of a report: the `sequence_id` of the message."""
    participant_id: NotRequired[Annotated[Text, example("bob")]]
    """The participant who was suspended, or has another profile."""
    version: NotRequired[Annotated[int, example(3)]]
    """The version of the profile."""
    erasure_id: NotRequired[Annotated[Text, example("0f" * 32)]]
    """The digest that names an erasure, which has finished."""


class NotifiedMember(TypedDict):
    """A member whom the product should notify."""

    participant_id: Annotated[Text, example("carol")]
    """The participant's id."""
    mentioned: Annotated[bool, example(True)]
    """Whether the message mentions them."""
    muted: Annotated[bool, example(False)]
    """Whether they have muted the notifications of the conversation, or archived it."""
    reason: Annotated[NotifyReason, example("offline")]
    """`offline`: without a connection. `not_subscribed`: with one that does not show the conversation."""


class NotifyList(TypedDict):
    """The members to notify of one message."""

    sequence_id: EventSequenceId
    """The message."""
    members: list[NotifiedMember]
    """The members who neither watch the conversation nor have read the message. Empty: there is none."""


class DeliveredEvents(TypedDict):
    """Events of one conversation in their order."""

    delivery_id: DeliveryId
    """As `webhook-id`: the same for each attempt."""
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: Annotated[str, Field(pattern="^(conv_[A-Za-z0-9_-]+|deployment)$"), example(_CHAT)]
    """The conversation; `deployment` for events that belong to none."""
    previous_sequence_id: Annotated[Count, example(1)]
    """The last `sequence_id` that the endpoint acknowledged before in this conversation; 0: none."""
    events: Annotated[list[Event | ThinEvent | LogResetEvent | DeploymentEvent], Field(min_length=1)]
    """The events, as in the log. Types that the endpoint does not receive are left out."""
    notify: NotRequired[Annotated[list[NotifyList], Field(min_length=1)]]
    """For endpoints with `notify`: a list for each recent message of a participant. A repeat has the same ones."""


class EventsDelivery(TypedDict):
    """A delivery of events."""

    type: Literal["chat.events"]
    timestamp: Timestamp
    """When the newest of the events was appended."""
    data: DeliveredEvents
    """The events."""


class TestedEndpoint(TypedDict):
    """The endpoint that is tested."""

    delivery_id: DeliveryId
    """As `webhook-id`."""
    endpoint_id: EndpointId
    """The id of the endpoint."""


class TestDelivery(TypedDict):
    """A test event, which a service has requested."""

    type: Literal["chat.test"]
    timestamp: Timestamp
    """When it was requested."""
    data: TestedEndpoint
    """The endpoint."""


DELIVERIES: tuple[Any, ...] = (EventsDelivery, TestDelivery)
