"""The services and stores that several groups of services use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.bootstrap.services import Stores
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.positions import Positions
from chalicelib.core.log.reading import LogReader
from chalicelib.core.messaging.budget import Budget
from chalicelib.core.messaging.queue_wait import WaitStrategy
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.feed import Feed
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.hooks.screening import Screening
    from chalicelib.core.ports.publishing import PurgeGate


class Shared:
    """The services and stores that several groups use."""

    def __init__(
        self,
        stores: Stores,
        runtime: Runtime,
        poster: ConnectionPoster,
        queue: JobQueue | None,
        screening: Screening | None,
        build_purge_gate: Callable[[], PurgeGate] | None,
        wait_strategy: WaitStrategy,
    ) -> None:
        self.stores = stores
        self.wait_strategy = wait_strategy
        self.screening = screening
        """Asks the hook; None if the deployment has none."""
        self.build_purge_gate = build_purge_gate
        self.runtime = runtime
        self.queue = queue
        self.budget = Budget(
            "requests",
            runtime.limits.budget_per_second,
            runtime.limits.budget_burst,
            rate_limits=stores.rate_limits,
            runtime=runtime,
        )
        self.service_budget = Budget(
            "services",
            runtime.limits.service_budget_per_second,
            runtime.limits.service_budget_burst,
            rate_limits=stores.rate_limits,
            runtime=runtime,
        )
        self.log = Log(event_log=stores.event_log, runtime=runtime)
        self.log_reader = LogReader(event_log=stores.event_log, runtime=runtime)
        self.positions = Positions(runtime.history_id)
        self.access = Access(
            event_log=stores.event_log, memberships=stores.memberships, log=self.log, runtime=runtime
        )
        self.roster = Roster(
            conversations=stores.conversations,
            event_log=stores.event_log,
            memberships=stores.memberships,
            revocations=stores.revocations,
            subscriptions=stores.subscriptions,
            runtime=runtime,
        )
        self.presence = Presence(
            event_log=stores.event_log,
            memberships=stores.memberships,
            connections=stores.connections,
            subscriptions=stores.subscriptions,
            pending_offline=stores.pending_offline,
            queue=queue,
            runtime=runtime,
        )
        self.fan_out = FanOut(
            connections=stores.connections,
            subscriptions=stores.subscriptions,
            presence=self.presence,
            feed=Feed(
                event_log=stores.event_log, memberships=stores.memberships, feeds=stores.feeds, runtime=runtime
            ),
            poster=poster,
            runtime=runtime,
        )

    def charge(self, caller: Principal, price: int) -> None:
        """Charge the budget of a caller, or of the service that acts for them. Raises RateLimited."""
        if caller.service is not None:
            self.service_budget.charge(caller.service, price)
        else:
            self.budget.charge(caller.participant_id, price)
