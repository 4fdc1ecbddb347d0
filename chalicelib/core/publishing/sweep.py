"""The net below wake-ups and queues: lag notes, probes, the heartbeat, and the walk."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.ports.publishing import EndpointStore, ProgressStore
from chalicelib.core.publishing.circuits import Circuits
from chalicelib.core.publishing.walk import Heartbeat, Walk


class Sweep:
    """Queues the attempts that were lost."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        progress: ProgressStore,
        circuits: Circuits,
        walk: Walk,
        heartbeat: Heartbeat,
        runtime: Runtime,
    ) -> None:
        self._endpoints = endpoints
        self._progress = progress
        self._circuits = circuits
        self._walk = walk
        self._heartbeat = heartbeat
        self._clock = runtime.clock

    def run(self, seconds: float) -> None:
        """Do the work that is due, for about `seconds`. The first error is raised after all of it."""
        deadline = self._clock.monotonic() + seconds
        errors: list[ChatError] = []
        steps: tuple[Callable[[float], None], ...] = (self._beat, self._take_up, self._resume_walk)
        for step in steps:
            try:
                step(deadline)
            except ChatError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _beat(self, _deadline: float) -> None:
        # The walk is requested first: the next heartbeat can come back at once, and a crash can come before that.
        # Without an endpoint, a walk would read all conversations for none.
        has_endpoints = any(endpoint.is_enabled for endpoint in self._endpoints.endpoints())
        if has_endpoints and self._heartbeat.is_stale() and not self._progress.walk().is_due:
            self._walk.request_walk()
        self._heartbeat.beat()

    def _take_up(self, deadline: float) -> None:
        enabled = [endpoint for endpoint in self._endpoints.endpoints() if endpoint.is_enabled]
        for number, endpoint in enumerate(enabled):
            if endpoint.failing_since:
                self._circuits.probe(endpoint)
                continue
            # The others, and the walk, have equal shares of the time that is left.
            now = self._clock.monotonic()
            share = (deadline - now) / (len(enabled) - number + 1)
            self._circuits.resume_all(endpoint.endpoint_id, now + share)

    def _resume_walk(self, deadline: float) -> None:
        self._walk.run_job(max(deadline - self._clock.monotonic(), 0.0))
