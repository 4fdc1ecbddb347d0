"""The limit on changes of conversations and members: joins, leaves, renames, changes of roles, lifted bans.

Each of them appends an event for all members, and a join tries an invite, so the limit bounds both how fast a
participant can fill the newest page and how many invites they can guess. Refused requests are charged as well.
Removals and bans are free, for moderators must be faster than intruders; they cannot be repeated without an
addition or a lifted ban.
"""

from __future__ import annotations

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head
from chalicelib.core.ports.rate_limits import RateLimitStore


class ChangeLimiter:
    """Charges changes, by the generic cell rate algorithm."""

    def __init__(self, *, rate_limits: RateLimitStore, log: Log, runtime: Runtime) -> None:
        self._rate_limits = rate_limits
        self._log = log
        self._gather = runtime.gather
        self._clock = runtime.clock
        self._interval = 60_000 // runtime.limits.changes_per_minute
        self._burst = runtime.limits.change_burst

    def charge(self, caller: Principal, conversation_id: str) -> Head:
        """Charge for a change, and return the head of the conversation, which is read in parallel.

        Raises:
            RateLimited: the caller has made too many changes.
            NotFound: the conversation is not live; the change was charged.
        """
        head: Head
        _, head = self._gather(
            lambda: self._acquire(caller.participant_id), lambda: self._log.get_live_head(conversation_id)
        )
        return head

    def _acquire(self, participant_id: str) -> None:
        decision = self._rate_limits.acquire(
            participant_id,
            milliseconds(self._clock),
            1,
            interval=self._interval,
            burst=self._burst,
            bucket="changes",
        )
        if not decision.allowed:
            raise RateLimited("Too many changes: slow down.", retry_after=decision.retry_after)
