"""TODO chalicelib.core.ports.connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.rate_limits import RateLimitDecision


class ConnectionStore(Protocol):
    """Sockets, what they hear, and what else lives for minutes. Every read is consistent."""

    def open(self, connection: Connection) -> None:
        """Keep a new socket."""
        ...

    def get(self, connection_id: str) -> Connection | None:
        """A socket."""
        ...

    def get_many(self, connection_ids: Sequence[str]) -> dict[str, Connection]:
        """Those of these sockets that are there."""
        ...

    def touch(self, connection: Connection, last_seen: int) -> None:
        """Note that it was heard."""
        ...

    def activate(self, connection: Connection, *, generation: int) -> bool:
        """Let its participant be reached by it. False: it is not there, or of a later generation."""
        ...

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a socket that was taken for gone; `activate` ends its being so.

        False: it is not there, of a later generation, or back already.
        """
        ...

    def mark_stale(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Take a socket for gone: nobody posts to it again unless it speaks. What it was subscribed to.

        None if it has spoken since that generation. `participant_id`, if it is known, helps to clear up after
        a socket that is not there any more.
        """
        ...

    def close(self, connection_id: str) -> tuple[Connection | None, list[Subscription]]:
        """Forget a socket and all it was subscribed to."""
        ...

    def refresh_token(self, connection: Connection, token_expires_at: int, name: str | None) -> bool:
        """Note a new token for a socket and all its subscriptions; whether the socket is there."""
        ...

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """The reachable sockets of a person, as subscriptions to nothing (`conversation_id` empty)."""
        ...

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Let a socket hear a conversation, if its person is a member at that epoch and the socket is there.

        The socket must be of that generation, and gone if and only if it is being revived.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def unsubscribe(self, connection_id: str, conversation_id: str) -> None:
        """End that, whether it was so or not.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def subscriptions_of_connection(self, connection_id: str) -> list[Subscription]:
        """What a socket has subscribed to, also while it is taken for gone."""
        ...

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Who hears a conversation."""
        ...

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """End all subscriptions of one person under memberships that began before this event."""
        ...

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Nobody hears this conversation any more."""
        ...

    def delete_participant(self, participant_id: str) -> None:
        """Remove all that lies under somebody's id: what is left of sockets and tickets, and their rate."""
        ...

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Remove that somebody was said to be writing, and that they went."""
        ...

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Keep who a ticket is for (participant, name and token expiry of `socket` count)."""
        ...

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Redeem a ticket: at most one caller ever gets it."""
        ...

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Whether one more message is within the rate: one each `interval` ms, `burst` at once."""
        ...

    def charge(self, participant_id: str, *, interval: int) -> None:
        """Pay for a message that came out of the burst."""
        ...

    def start_typing(self, conversation_id: str, participant_id: str, now: int, *, interval: int) -> bool:
        """Whether a push is due: none was for `every` ms."""
        ...

    def stop_typing(self, conversation_id: str, participant_id: str) -> bool:
        """Whether a push is due: the last one said that they write."""
        ...

    def record_pending_offline(self, conversation_id: str, participant_id: str, batch_id: str, now: int) -> None:
        """Note that the last socket of somebody went (at `now`, ms), in place of any earlier note."""
        ...

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Remove the note of somebody's going; when they went, None if there is none."""
        ...

    def claim_pending_offline(self, conversation_id: str, batch_id: str) -> list[str]:
        """Remove the notes under this mark; of whom they were. At most one caller ever gets each."""
        ...
