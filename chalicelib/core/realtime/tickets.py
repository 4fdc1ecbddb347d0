"""Tickets: single-use, short-lived substitutes for a token, for clients that can only open a URL."""

from __future__ import annotations

from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.connections import Connection
from chalicelib.core.ports.connections import TicketStore
from chalicelib.identity.model import Identity
from chalicelib.identity.tickets import is_ticket, new_ticket, ticket_key


class Tickets:
    """Issues and redeems tickets."""

    def __init__(self, *, tickets: TicketStore, runtime: Runtime) -> None:
        self._tickets = tickets
        self._runtime = runtime
        self._clock = runtime.clock
        self._lifetime = runtime.timing.ticket_lifetime

    def issue(self, identity: Identity) -> dict[str, object]:
        """Return a new ticket for `identity`; only its digest is stored.

        If a service asks for it, the connection is that of the participant alone, and lasts a fixed time: if it
        lasted as long as the service's token, those of all participants would end at the same time.
        """
        now, ticket = int(self._clock.now()), new_ticket()
        if identity.service is not None:
            identity = identity._replace(expires_at=now + self._runtime.timing.service_session)
        bearer = Connection(
            "",
            identity.participant_id,
            identity.name,
            identity.expires_at,
            0,
            0,
            token_issued_at=identity.issued_at,
            type=identity.type,
        )
        self._tickets.save_ticket(ticket_key(ticket), bearer, now + self._lifetime)
        return {"ticket": ticket, "expires_in": self._lifetime}

    def redeem(self, ticket: str) -> Identity:
        """Return the identity that the ticket was issued for. Raises Unauthorized if unknown, used or expired."""
        now = int(self._clock.now())
        bearer = self._tickets.redeem_ticket(ticket_key(ticket), now) if is_ticket(ticket) else None
        if bearer is None or self._runtime.has_expired(bearer.token_expires_at):
            raise Unauthorized(
                "The ticket is not valid: a ticket can be used once, within seconds after it is issued."
            )
        return Identity(
            bearer.participant_id, bearer.name, bearer.token_expires_at, bearer.token_issued_at, bearer.type
        )
