"""Suspensions of participants, and registered agents: the decisions of a service about a person.

A suspension is written first, with the participant's standing. So a membership began before it or does not begin,
and a connection is either found here, or finds the suspension when it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.revocations import RevocationStore, SuspensionStore
from chalicelib.core.protocol.frames import disconnect
from chalicelib.core.realtime.fan_out import FanOut

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import UpdateParticipantState

SUSPENDED_FRAME = disconnect("SUSPENDED", "You are suspended from this chat.", reconnect=False)


class Suspensions:
    """Suspends participants everywhere, and registers agents."""

    def __init__(
        self,
        *,
        suspensions: SuspensionStore,
        revocations: RevocationStore,
        connections: ConnectionStore,
        fan_out: FanOut,
        runtime: Runtime,
    ) -> None:
        self._suspensions = suspensions
        self._revocations = revocations
        self._connections = connections
        self._fan_out = fan_out
        self._runtime = runtime
        self._clock = runtime.clock

    def state(self, participant_id: str) -> dict[str, object]:
        """Return whether a participant is suspended and registered as an agent."""
        rules = self._revocations.rules(participant_id)
        state: dict[str, object] = {
            "participant_id": participant_id,
            "suspended": rules.suspended_at > 0,
            "agent": rules.is_agent,
        }
        return state | ({"suspended_at": rfc3339(rules.suspended_at)} if rules.suspended_at else {})

    def update(self, participant_id: str, request: UpdateParticipantState) -> dict[str, object]:
        """Change the state of a participant, and return it. Raises ConversationBusy: a repeat does the rest."""
        if request.agent is not None:
            (self.register_agent if request.agent else self.unregister_agent)(participant_id)
        if request.suspended is not None:
            (self.suspend if request.suspended else self.lift)(participant_id)
        return self.state(participant_id)

    def suspend(self, participant_id: str) -> None:
        """Suspend a participant and close their connections; a repeat closes those that are left.

        Raises ConversationBusy: nothing was changed.
        """
        now = milliseconds(self._clock)
        retry_on_conflict(self._runtime, lambda: self._suspensions.suspend(participant_id, now))
        for connection_id in self._connections.all_of(participant_id):
            self._fan_out.disconnect(connection_id, SUSPENDED_FRAME)

    def lift(self, participant_id: str) -> None:
        """Lift a suspension; no-op without one. Memberships and roles are as before.

        Raises ConversationBusy: nothing was changed.
        """
        until = self._last_expiry()
        retry_on_conflict(self._runtime, lambda: self._suspensions.lift_suspension(participant_id, until))

    def register_agent(self, participant_id: str) -> None:
        """Register a participant as an agent, whatever type their token claims. Raises ConversationBusy."""
        retry_on_conflict(self._runtime, lambda: self._suspensions.register_agent(participant_id))

    def unregister_agent(self, participant_id: str) -> None:
        """End the registration of an agent; no-op without one. Raises ConversationBusy."""
        until = self._last_expiry()
        retry_on_conflict(self._runtime, lambda: self._suspensions.unregister_agent(participant_id, until))

    def _last_expiry(self) -> int:
        """Return when the last token that a revocation until now refuses has expired (epoch seconds)."""
        return int(self._clock.now()) + self._runtime.token_lifetime
