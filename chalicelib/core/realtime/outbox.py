"""What is to be pushed to whom: said by the use cases, carried out by `delivery.py` after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.model.connections import Subscription
from chalicelib.core.ports.commits import Commit
from chalicelib.core.protocol.frames import Frame, event_push


@dataclass(frozen=True, slots=True)
class ToSubscribers:
    """To every socket that is subscribed to a conversation when the push is carried out."""

    conversation_id: str
    frame: Frame
    departed: Mapping[str, int]
    """From the head at or after the event, read before the recipients are: see `Head.gone`."""
    exclude_participant: str | None = None
    exclude_connection: str | None = None
    subscribed_since: int = 0
    """Only to those that have subscribed then (ms since the epoch) or later."""


@dataclass(frozen=True, slots=True)
class ToSubscriptions:
    """To these sockets."""

    subscriptions: Sequence[Subscription]
    frame: Frame


@dataclass(frozen=True, slots=True)
class ToParticipants:
    """To every reachable socket of some people, whatever it is subscribed to."""

    participant_ids: Sequence[str]
    frame: Frame


@dataclass(frozen=True, slots=True)
class PendingOffline:
    """To the subscribers of a conversation, who have gone from it, when that has settled (`presence.py`)."""

    conversation_id: str
    batch_id: str
    """Under what the store has the notes of who they are."""


Push = ToSubscribers | ToSubscriptions | ToParticipants | PendingOffline


@dataclass(frozen=True, slots=True)
class DirectReply:
    """What the socket that asked is to be told, frame after frame."""

    connection_id: str
    generation: int
    frames: Sequence[Frame]
    received_at: float | None = None
    """When API Gateway got what this answers (seconds since the epoch), if that is known."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a use case answers, and what is to be pushed."""

    response: Any
    pushes: Sequence[Push] = field(default=())
    error: ChatError | None = None
    """What to answer instead: it was done and is to be pushed, but the caller is no longer to know of it."""


def pushes_for(commit: Commit) -> list[Push]:
    """The pushes of a commit's events."""
    events = [*commit.events, *(send.event for send in commit.messages)]
    return [ToSubscribers(commit.new.conversation_id, event_push(event), commit.new.departed) for event in events]
