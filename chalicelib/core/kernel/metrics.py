"""What is measured of an invocation: the core says what happens (`ports.Observer`), not knowing who listens."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Metric(Enum):
    """One thing that operators are told of, by its name in CloudWatch."""

    MESSAGES_ACCEPTED = "MessagesAccepted"
    """Messages that were put into a log; repeats do not count."""
    MESSAGES_DUPLICATE = "MessagesDuplicate"
    """Repeats of a message that was there already, answered like the first one."""
    MESSAGES_QUEUED = "MessagesQueued"
    """Messages that went by a conversation's queue, as many were sending at once."""
    MESSAGES_BUSY = "MessagesBusy"
    """Messages refused with `CONVERSATION_BUSY`."""
    MESSAGES_RATE_LIMITED = "MessagesRateLimited"
    """Messages refused with `RATE_LIMITED`."""
    APPEND_CONFLICTS = "AppendConflicts"
    """Attempts to append messages that lost to somebody else's append."""
    POSTS_DELIVERED = "PostsDelivered"
    """Frames that API Gateway took for a socket."""
    POSTS_GONE = "PostsGone"
    """Sockets that were found to be gone (410)."""
    POSTS_RETRIED = "PostsRetried"
    """Posts that were made again."""
    POSTS_THROTTLED = "PostsThrottled"
    """Posts that were answered with 429."""
    POSTS_DROPPED = "PostsDropped"
    """Frames that were given up: refused, or not taken until the deadline."""
    FAN_OUT_SIZE = "FanOutSize"
    """How many sockets the pushes of an invocation were for."""
    FAN_OUT_LATENCY = "FanOutLatency"
    """Milliseconds from the question who is to hear it until all were posted to, or the deadline."""
    ACK_LATENCY = "AckLatency"
    """Milliseconds from API Gateway's receiving a message on a socket until it took the acknowledgement.

    Or until that was given up. A cold start is in it. It is a difference between clocks of two machines, so it is
    right to some milliseconds.
    """
    COLD_STARTS = "ColdStarts"
    """First invocations of a function's process."""

    @property
    def unit(self) -> str:
        """The unit, as CloudWatch calls it."""
        return "Milliseconds" if self in (Metric.FAN_OUT_LATENCY, Metric.ACK_LATENCY) else "Count"

    @property
    def is_counter(self) -> bool:
        """Whether several values of one invocation are to be told as their sum."""
        return self.unit == "Count" and self is not Metric.FAN_OUT_SIZE


class Observer(Protocol):
    """Who is told what happens, for the sake of operators. Does not raise, and costs next to nothing."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """It happened, so many times (none is nothing to tell) or with this value."""
        ...

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Say what this is about. Only ids that are known to be ones: what a client sent may be anything."""
        ...


class NullObserver:
    """An `Observer` that forgets."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Forget it."""

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Forget it."""
