"""The metrics of an invocation, and the interface by which the core reports them."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Metric(Enum):
    """A metric, by its name in CloudWatch."""

    MESSAGES_ACCEPTED = "MessagesAccepted"
    """Messages that were appended to a log, without repeats."""
    MESSAGES_DUPLICATE = "MessagesDuplicate"
    """Repeats of a message that was already stored."""
    MESSAGES_QUEUED = "MessagesQueued"
    """Messages that were queued for a group commit, because of contention."""
    MESSAGES_BUSY = "MessagesBusy"
    """Messages rejected with `CONVERSATION_BUSY`."""
    MESSAGES_RATE_LIMITED = "MessagesRateLimited"
    """Messages rejected with `RATE_LIMITED`."""
    APPEND_CONFLICTS = "AppendConflicts"
    """Attempts to append a message that conflicted with another append."""
    HOOK_FAILURES = "HookFailures"
    """Calls and answers of the hook that decided nothing: too late, an error, or invalid."""
    POSTS_DELIVERED = "PostsDelivered"
    """Frames that API Gateway accepted for a connection."""
    POSTS_GONE = "PostsGone"
    """Connections that were found to be stale (410)."""
    POSTS_RETRIED = "PostsRetried"
    """Posts that were retried."""
    POSTS_THROTTLED = "PostsThrottled"
    """Posts that were answered with 429."""
    POSTS_DROPPED = "PostsDropped"
    """Frames that were not delivered: rejected, or not accepted before the deadline."""
    FAN_OUT_SIZE = "FanOutSize"
    """The number of connections that an invocation posted to."""
    FAN_OUT_LATENCY = "FanOutLatency"
    """Milliseconds from the query for the recipients until all were posted to, or until the deadline."""
    ACK_LATENCY = "AckLatency"
    """Milliseconds from API Gateway's receipt of a message until it accepted the acknowledgement, or that failed.

    Includes a cold start. It compares the clocks of two machines, so it is accurate to some milliseconds.
    """
    PUBLISHING_LAG = "PublishingLag"
    """Seconds from the oldest event of a delivery until an endpoint acknowledged it, or the attempt failed.

    While an endpoint fails, its probes show how far it lags behind. The time for which it was disabled does not
    count. Without events there is none.
    """
    COLD_STARTS = "ColdStarts"
    """The first invocations of processes."""

    @property
    def unit(self) -> str:
        """The unit in CloudWatch."""
        if self is Metric.PUBLISHING_LAG:
            return "Seconds"
        return "Milliseconds" if self in (Metric.FAN_OUT_LATENCY, Metric.ACK_LATENCY) else "Count"

    @property
    def is_counter(self) -> bool:
        """Whether the values of an invocation are added up."""
        return self.unit == "Count" and self is not Metric.FAN_OUT_SIZE


class Observer(Protocol):
    """Receives the metrics. Its methods do not raise, and are cheap."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Record a value of a metric. Zero of a counter is ignored."""
        ...

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Add ids to the log lines of the invocation. Only validated ids: a client may have sent anything."""
        ...


class NullObserver:
    """An `Observer` that ignores everything."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Ignore it."""

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Ignore it."""
