"""Tickets: single-use, short-lived stand-ins for a token, for clients that can only open a URL."""

from __future__ import annotations

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.connections import Connection
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.identity.model import Identity
from chalicelib.identity.tickets import is_ticket, new_ticket, ticket_key


class Tickets:
    """Gives out tickets and redeems them."""

    def __init__(self, connections: ConnectionStore, clock: Clock, timing: Timing) -> None:
        self._connections = connections
        self._clock = clock
        self._timing = timing

    def issue(self, identity: Identity) -> dict[str, object]:
        """A ticket for `identity`; only its hash is kept."""
        ticket, lifetime = new_ticket(), self._timing.ticket_lifetime
        bearer = Connection("", identity.participant_id, identity.name, identity.expires_at, 0, 0)
        self._connections.save_ticket(ticket_key(ticket), bearer, int(self._clock.now()) + lifetime)
        return {"ticket": ticket, "expires_in": lifetime}

    def redeem(self, ticket: str) -> Identity:
        """Who the ticket is for. Raises Unauthorized if it is unknown, used or too old."""
        now = int(self._clock.now())
        found = self._connections.redeem_ticket(ticket_key(ticket), now) if is_ticket(ticket) else None
        if found is None or found.token_expires_at <= now:
            raise Unauthorized("The ticket is not valid (any more): a ticket can be used once, and soon.")
        return Identity(found.participant_id, found.name, found.token_expires_at)
