"""WebSocket connections and their subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chalicelib.core.model.actors import ParticipantType, Principal

_NUMBER_WEIGHT = 10**13
"""More than any time in milliseconds before the year 2286."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A WebSocket connection."""

    connection_id: str
    participant_id: str
    name: str | None
    token_expires_at: int
    """Epoch seconds."""
    connected_at: int
    last_seen: int
    generation: int = 1
    """Incremented when a stale connection sends a frame after all."""
    is_active: bool = False
    """Whether one of its frames has been handled. Before that, nothing can be posted to it."""
    is_stale: bool = False
    """Whether API Gateway answered a post with 410, which can be wrong."""
    token_issued_at: int = 0
    """Epoch seconds. Stored with a ticket only."""
    type: ParticipantType = "human"
    """That of the participant, according to the token."""
    has_feed: bool = False
    """Whether it receives the activity of all conversations of the participant, while it is not stale."""

    def is_online(self, now: int, ping_interval: int) -> bool:
        """Return whether it is not stale, and has sent a frame in two ping intervals before `now` (ms)."""
        return not self.is_stale and self.last_seen >= now - 2_000 * ping_interval

    @property
    def principal(self) -> Principal:
        """The participant as the caller of a command."""
        return Principal(self.participant_id, self.name, self.type)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription of a connection to a conversation."""

    conversation_id: str
    connection_id: str
    participant_id: str
    epoch: int
    generation: int
    token_expires_at: int
    subscribed_at: int
    order: int = 0
    """That of the command that began it: see `command_order`."""


def online_participants(
    reachable: Iterable[Subscription], connections: Mapping[str, Connection], now: int, ping_interval: int
) -> set[str]:
    """Return the participants that have an online connection among these; `connections` are those that exist."""
    return {
        each.participant_id
        for each in reachable
        if (connection := connections.get(each.connection_id)) and connection.is_online(now, ping_interval)
    }


def command_order(n: int, received_at: int) -> int:
    """Return the order of a state command on its connection: by its `n`, then by the time of its arrival (ms).

    API Gateway invokes a function for each frame, so frames overtake each other. Of two commands about the same
    state, the one with the higher order wins, whichever is executed first; of equal ones, the one executed later.
    """
    return n * _NUMBER_WEIGHT + received_at
