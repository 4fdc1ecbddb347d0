"""The outbox: pushes that a use case returns, and that `FanOut` carries out after the commit.

The pushes are named tuples: to create a frozen dataclass takes several times as long, which a cold start shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import Commit
from chalicelib.core.protocol.frames import Frame, events_pushes


class ToSubscribers(NamedTuple):
    """A frame for every connection that is subscribed to a conversation when the push is carried out."""

    conversation_id: str
    frame: Frame
    departed: Mapping[str, int]
    """`Head.departed`, as read at or after the event and before the recipients."""
    exclude_participant: str | None = None
    exclude_connection: str | None = None
    subscribed_since: int = 0
    """Only subscriptions that began then (ms since the epoch) or later."""


class ToSubscriptions(NamedTuple):
    """A frame for these connections."""

    subscriptions: Sequence[Subscription]
    frame: Frame


class ToParticipants(NamedTuple):
    """A frame for every reachable connection of some participants, whatever it is subscribed to."""

    participant_ids: Sequence[str]
    frame: Frame
    exclude_connection: str | None = None


class PendingOffline(NamedTuple):
    """Debounced offline pushes to the subscribers of a conversation (`presence.py`)."""

    conversation_id: str
    disconnect_id: str
    """The members are stored under this id."""


Push = ToSubscribers | ToSubscriptions | ToParticipants | PendingOffline


class DirectReply(NamedTuple):
    """Frames for the connection whose command is answered, in their order."""

    connection_id: str
    generation: int
    frames: Sequence[Frame]
    received_at: int | None = None
    """When API Gateway received the command (ms since the epoch), if known."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a use case."""

    response: Any
    pushes: Sequence[Push] = ()
    error: ChatError | None = None
    """The error to answer with: the change was made and is pushed, but the caller may no longer see the result."""
    job: str | None = None
    """A background job to start."""


def pushes_for(commit: Commit) -> list[Push]:
    """Return the pushes of a commit's events."""
    return pushes_of_events(commit.new.conversation_id, commit_events(commit), commit.new.departed)


def commit_events(commit: Commit) -> list[Event]:
    """Return all events of a commit."""
    return [*commit.events, *(message.event for message in commit.messages)]


def pushes_of_events(conversation_id: str, events: Iterable[Event], departed: Mapping[str, int]) -> list[Push]:
    """Return the pushes of events to the subscribers. `departed` is as in `ToSubscribers`."""
    frames = events_pushes(conversation_id, events)
    return [ToSubscribers(conversation_id, frame, departed) for frame in frames]


def pushes_of_read_pointer(
    frame: Frame, own_frame: Frame, departed: Mapping[str, int], exclude_connection: str | None = None
) -> list[Push]:
    """Return the pushes of a read pointer that moved: to the other subscribers, and to the reader's connections.

    The reader's own connections keep unread counts in step, whatever they are subscribed to.
    """
    participant_id = frame["participant_id"]
    return [
        ToSubscribers(frame["conversation_id"], frame, departed, exclude_participant=participant_id),
        ToParticipants([participant_id], own_frame, exclude_connection=exclude_connection),
    ]
