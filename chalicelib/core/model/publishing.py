"""Events that leave the deployment: endpoints, the cursor of each conversation and endpoint, and deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Literal, NamedTuple

from chalicelib.core.model.events import Event
from chalicelib.core.model.notify import NotifyDecision, NotifyList

DEPLOYMENT_LOG = "deployment"
"""The id under which the deployment log is published; no conversation id looks like it."""

ATTEMPT_TIMEOUT = 15.0
"""Seconds after which an endpoint that has not answered has failed. The lease of a cursor outlasts it."""

EVENT_TYPE = "^[a-z][a-z_]{0,39}$"
"""The pattern of the types of events that an endpoint may name: unknown ones, too, as newer versions have more."""
MAX_TYPES = 30

EndpointKind = Literal["webhook", "eventbridge"]
EndpointStart = Literal["now", "beginning"]


class Secret(NamedTuple):
    """A signing secret; during a rotation, an endpoint has two."""

    key: bytes
    expires_at: int = 0
    """Epoch seconds from which it no longer signs; 0 is never."""


class Endpoint(NamedTuple):
    """A receiver of events, created by a service or by the settings."""

    endpoint_id: str
    kind: EndpointKind
    url: str
    """Of a webhook: an https URL. Of EventBridge: the name or ARN of the event bus."""
    created_at: int
    """Milliseconds since the epoch."""
    start: EndpointStart = "now"
    types: frozenset[str] = frozenset()
    """The types of events that it receives; empty is all."""
    is_thin: bool = False
    """Whether it receives ids without contents."""
    notify: bool = False
    """Whether its deliveries have notify lists; webhooks only."""
    secrets: tuple[Secret, ...] = ()
    secret_parameter: str | None = None
    """Of an endpoint from the settings: the SSM parameter with the secret."""
    description: str = ""
    disabled_at: int = 0
    """Milliseconds since the epoch; 0: it is enabled."""
    disabled_reason: str = ""
    enabled_at: int = 0
    """When it was last enabled again, in milliseconds since the epoch; 0: it was never disabled."""
    failing_since: int = 0
    """When its circuit breaker opened, in milliseconds since the epoch; 0: it is closed."""
    failures: int = 0
    """Consecutive failures over all conversations."""
    probe_at: int = 0
    """Of an open circuit breaker: when the next probe is due, in milliseconds since the epoch."""
    succeeded_at: int = 0
    """When a delivery was last acknowledged, to about a minute, in milliseconds since the epoch."""
    version: int = 0
    """Increases with each write."""

    @property
    def is_enabled(self) -> bool:
        """Whether events are published to it."""
        return not self.disabled_at

    @property
    def is_configured(self) -> bool:
        """Whether it is one of the settings, and no service created it."""
        return self.kind == "eventbridge" or self.secret_parameter is not None


class InFlight(NamedTuple):
    """The range of the delivery that is being attempted. It stays until it is acknowledged."""

    first: int
    last: int
    previous: int
    """The last sequence id that the endpoint acknowledged before; 0: none."""
    notify: NotifyDecision | None = None
    """For the notify lists; None: the delivery has none."""


class Cursor(NamedTuple):
    """How far a conversation, or the deployment log, has been published to an endpoint."""

    conversation_id: str
    endpoint_id: str
    position: int = 0
    """The sequence id up to which everything was acknowledged, or filtered."""
    sent: int = 0
    """The last sequence id that was acknowledged by the endpoint: `previous_sequence_id` of the next delivery."""
    in_flight: InFlight | None = None
    wake_ups: int = 0
    """Counts wake-ups. The lease is released only if it is as it was before the last read of the log."""
    lease: str | None = None
    lease_until: int = 0
    """Milliseconds since the epoch."""
    failures: int = 0
    """Consecutive failures of the delivery in flight."""
    own_failures: int = 0
    """Those of them that count, because other conversations of the endpoint succeeded."""
    retry_at: int = 0
    """Not before then is the next attempt, in milliseconds since the epoch."""
    failing_since: int = 0
    parked_at: int = 0
    """When it was parked after too many failures; 0: it is not."""
    history_id: str = ""
    """The history that `position` belongs to; empty until the first read of the log."""
    check_at: int = 0
    """Up to then a message of the queue is under way, so that another one is not needed."""
    is_noted: bool = False
    """Whether there is a lag note, which the holder of the lease deletes when nothing is left to publish."""


class WalkProgress(NamedTuple):
    """The progress of the walk of all conversations."""

    requested: int = 0
    """Counts the requests."""
    covered: int = 0
    """The count of requests at the start of the last walk that is complete."""
    covers: int = 0
    """The count of requests at the start of the walk in progress."""
    position: str = ""
    """The conversation up to which the walk in progress has come; empty: none is in progress."""

    @property
    def is_due(self) -> bool:
        """Whether there is a walk to begin or to continue."""
        return self.requested > self.covered


class Delivery(NamedTuple):
    """One request to an endpoint: contiguous events of one conversation, without those it does not receive."""

    delivery_id: str
    """The same for each attempt; derived from history, conversation, first and last sequence id."""
    endpoint: Endpoint
    conversation_id: str
    history_id: str
    previous_sequence_id: int
    events: Sequence[Event]
    attempt: int
    """Counts from 1."""
    notify: Sequence[NotifyList] = ()


class Outcome(Enum):
    """The result of an attempt."""

    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    GONE = "gone"
    """The endpoint answered 410: it is disabled."""


class DeliveryResult(NamedTuple):
    """The outcome of an attempt, without anything that the endpoint answered."""

    outcome: Outcome
    reason: str = ""
    """For operators: the status, or the kind of the failure."""
    retry_after: float | None = None
    """Seconds, as the endpoint requested."""
