"""Endpoints in responses to services; see `objects.py`."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.publishing import EndpointKind, EndpointStart
from chalicelib.core.protocol.fields import example
from chalicelib.core.protocol.object_fields import ConversationId, Count, Text, Timestamp

EndpointId = Annotated[Text, example("ep_c29tZXRoaW5nMTIzNDU2Nw")]
SecretText = Annotated[str, Field(pattern="^whsec_[A-Za-z0-9+/]+=*$"), example(f"whsec_{'c2VjcmV0' * 5}c2U=")]


class Endpoint(TypedDict):
    """An endpoint, without its secret."""

    endpoint_id: EndpointId
    """The id of the endpoint."""
    kind: Annotated[EndpointKind, example("webhook")]
    """Whether it is a webhook or an event bus of EventBridge."""
    url: Annotated[Text, example("https://hooks.example.com/chat")]
    """The URL; of an event bus, its name or ARN."""
    types: Annotated[list[str], example(["message"])]
    """The types of events that it receives. Empty: all."""
    thin: Annotated[bool, example(False)]
    """Whether it receives ids and types without contents."""
    notify: Annotated[bool, example(False)]
    """Whether deliveries list the members to notify of a message."""
    start: Annotated[EndpointStart, example("now")]
    """Where it started."""
    description: Annotated[str, example("Search index")]
    """A note for operators."""
    configured: Annotated[bool, example(False)]
    """Whether it is one of `CHAT_ENDPOINTS`: only `enabled` can be changed."""
    created_at: Timestamp
    """When it was created."""
    enabled: Annotated[bool, example(True)]
    """Whether events are sent to it."""
    disabled_at: NotRequired[Timestamp]
    """When it was disabled."""
    disabled_reason: NotRequired[Annotated[Text, example("by a service")]]
    """Why it was disabled."""
    failures: Annotated[Count, example(0)]
    """How many attempts have failed since the last success."""
    failing_since: NotRequired[Timestamp]
    """Since when its circuit breaker is open."""
    next_probe_at: NotRequired[Timestamp]
    """When the next request tries whether it works again, if the circuit breaker is open."""
    previous_secret_expires_at: NotRequired[Timestamp]
    """During a rotation: when the last of the earlier secrets expires."""


class Lagging(TypedDict):
    """A conversation of which an endpoint has not acknowledged all events."""

    conversation_id: Annotated[Text, example("conv_Zm9vYmFyYmF6cXV4cXV1eA")]
    """The conversation; `deployment` is the deployment log."""
    acknowledged_up_to: Annotated[Count, example(12)]
    """The `sequence_id` up to which it has acknowledged, or does not receive, all events."""
    failures: Annotated[Count, example(20)]
    """How many attempts have failed."""
    parked_at: NotRequired[Timestamp]
    """Since when there are no attempts, until it is resumed."""
    next_attempt_at: NotRequired[Timestamp]
    """Not before then is the next attempt."""


class EndpointState(Endpoint):
    """An endpoint with the first conversations that lag behind."""

    lagging: list[Lagging]
    """The first conversations that lag behind, by id."""
    lagging_more: Annotated[bool, example(False)]
    """Whether there are more of them."""


class NewEndpoint(Endpoint):
    """A new endpoint. Its secret is returned only here."""

    secret: SecretText
    """The secret that verifies its signatures."""


class NewSecret(TypedDict):
    """A new secret of an endpoint. It is returned only here."""

    endpoint_id: EndpointId
    """The id of the endpoint."""
    secret: SecretText
    """The secret that verifies signatures from now on."""
    previous_expires_at: NotRequired[Timestamp]
    """When the last of the earlier secrets expires."""


class Resumption(TypedDict):
    """The conversations that were resumed."""

    resumed: Annotated[Count, example(1)]
    """How many."""
    next_after: NotRequired[ConversationId]
    """The `after` of the next request, if there are more."""


class EndpointTest(TypedDict):
    """The outcome of a test event."""

    outcome: Annotated[Literal["acknowledged", "failed", "gone"], example("acknowledged")]
    """`acknowledged`: it answered 2xx. `gone`: it answered 410. `failed`: anything else."""
    reason: Annotated[str, example("status 204")]
    """The status, or the kind of the failure."""
