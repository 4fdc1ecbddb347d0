"""The outbox: pushes that a use case returns, and that `FanOut` carries out after the commit.

The pushes are named tuples: to create a frozen dataclass takes several times as long, which a cold start shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import Commit
from chalicelib.core.protocol.frames import Frame, events_pushes


class ToSubscribers(NamedTuple):
    """A frame for every connection that is subscribed to a conversation when the push is carried out."""

    conversation_id: str
    frame: Frame
    departed: Mapping[str, int]
    """`Head.excluded`, as read at or after the event and before the recipients."""
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


class Activity(NamedTuple):
    """The activity of a conversation, for the connections of its members that have a feed (`feed.py`)."""

    head: Head
    """That of the commit."""
    frame: Frame
    is_essential: bool
    """Whether it is sent even if there are newer messages."""
    own_reads: Mapping[str, Frame | None] = {}
    """By the id of a sender: the push of its read pointer, None if the pointer is to be read."""
    is_final: bool = False
    """Whether it is the end of the conversation."""
    informed: Sequence[Subscription] = ()
    """Connections that receive the frame anyway, although they are not subscribed any more."""


Push = ToSubscribers | ToSubscriptions | ToParticipants | PendingOffline | Activity


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
    return pushes_of_events(commit.new.conversation_id, commit_events(commit), commit.new.excluded)


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
