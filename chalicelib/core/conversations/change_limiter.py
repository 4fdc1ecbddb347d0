"""The limit on changes of conversations and members: joins, leaves, renames, changes of roles, lifted bans.

Each of them appends an event for all members, and a join tries an invite, so the limit bounds both how fast a
participant can fill the newest page and how many invites they can guess. Refused requests are charged as well.
Removals and bans are free, for moderators must be faster than intruders; they cannot be repeated without an
addition or a lifted ban. A service that acts for a participant has only its own budget.
"""

from __future__ import annotations

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head
from chalicelib.core.ports.rate_limits import Bucket, RateLimitStore


class ChangeLimiter:
    """Charges changes, by the generic cell rate algorithm."""

    def __init__(self, *, rate_limits: RateLimitStore, log: Log, runtime: Runtime) -> None:
        self._rate_limits = rate_limits
        self._log = log
        self._gather = runtime.gather
        self._clock = runtime.clock
        self._limits = runtime.limits

    def charge(self, caller: Principal, conversation_id: str) -> Head:
        """Charge for a change, and return the head of the conversation, which is read in parallel.

        Raises:
            RateLimited: the caller has made too many changes.
            NotFound: the conversation is not live; the change was charged.
        """
        head: Head
        _, head = self._gather(lambda: self._acquire(caller), lambda: self._log.get_live_head(conversation_id))
        return head

    def charge_outside_conversations(self, caller: Principal) -> None:
        """Charge for a change that concerns no conversation. Raises RateLimited."""
        self._acquire(caller)

    def charge_addition(self, caller: Principal, conversation_id: str) -> Head:
        """Charge for an addition, and return the head of the conversation, as `charge` does."""
        head: Head
        _, head = self._gather(
            lambda: self._acquire_additions(caller, 1),
            lambda: self._log.get_live_head(conversation_id),
        )
        return head

    def charge_report(self, caller: Principal) -> None:
        """Charge for a report of a message. Raises RateLimited."""
        rate = (self._limits.reports_per_minute, self._limits.report_burst)
        self._acquire(caller, "reports", 1, rate)

    def charge_creation(self, caller: Principal, additions: int) -> None:
        """Charge for the creation of a conversation with so many others. Raises RateLimited."""
        rate = (self._limits.creations_per_minute, self._limits.creation_burst)
        self._gather(
            lambda: self._acquire(caller, "creations", 1, rate),
            lambda: self._acquire_additions(caller, additions),
        )

    def _acquire_additions(self, caller: Principal, count: int) -> None:
        if count:
            # A conversation can be created with all its participants, however low the limit is.
            count = min(count, self._limits.addition_burst)
            rate = (self._limits.additions_per_minute, self._limits.addition_burst)
            self._acquire(caller, "additions", count, rate)

    def _acquire(
        self, caller: Principal, bucket: Bucket = "changes", count: int = 1, rate: tuple[int, int] | None = None
    ) -> None:
        """Charge to a bucket with a rate (per minute, burst), unless a service acts. Raises RateLimited."""
        if caller.service is not None:
            return
        per_minute, burst = rate or (self._limits.changes_per_minute, self._limits.change_burst)
        decision = self._rate_limits.acquire(
            caller.participant_id,
            milliseconds(self._clock),
            count,
            interval=60_000 // per_minute,
            burst=burst,
            bucket=bucket,
        )
        if not decision.allowed:
            raise RateLimited(f"Too many {bucket}: slow down.", retry_after=decision.retry_after)
