"""The shared state of one gateway: settings, clock, ids, fault injection, rate limits, functions, counters.

All of it belongs to the gateway's event loop, except ``settings``, which tests replace from other threads: it is
read at each use and replaced as a whole, so that no partial change is visible.
"""

import functools
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from local.gateway.clock import Clock
from local.gateway.functions import Functions
from local.gateway.ids import Ids
from local.gateway.relief import Relief
from local.gateway.settings import GatewaySettings
from local.gateway.throttle import TokenBucket

log = logging.getLogger(__name__)


class AccessRecord(NamedTuple):
    """One entry of the access log, without query string and headers: both may contain credentials."""

    api: str
    """``rest``, ``websocket`` (handshakes) or ``management`` (``@connections``)."""
    method: str
    path: str
    status: int
    milliseconds: float


class FaultInjector:
    """Decides which faults to inject into one post."""

    def __init__(self, *seed_parts: int) -> None:
        self._seed_parts = seed_parts

    @functools.cached_property
    def random(self) -> random.Random:
        """The generator, created lazily: most gateways inject no faults."""
        return random.Random("/".join(map(str, self._seed_parts)))

    def should_inject(self, probability: float) -> bool:
        """Return True with this probability."""
        return probability > 0 and self.random.random() < probability


AccessLog = Callable[[AccessRecord], None]


class Runtime:
    """The shared state of one gateway."""

    def __init__(self, settings: GatewaySettings, clock: Clock, ids: Ids, access_log: AccessLog) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.counters: Counter[str] = Counter()
        self.functions = Functions(lambda: self.settings, ids)
        self.requests = TokenBucket(
            lambda: (self.settings.request_rate, float(self.settings.request_burst)), clock.monotonic
        )
        self.new_connections = TokenBucket(
            lambda: (self.settings.connection_rate, max(1.0, self.settings.connection_rate)), clock.monotonic
        )
        self.relief = Relief()
        self.random = random.Random(settings.seed)
        self._post_counts: Counter[int] = Counter()
        self._access_log = access_log
        self._overrides: dict[str, dict[str, Any]] = {}

    def change(self, changes: dict[str, Any]) -> None:
        """Replace fields of the settings; a new ``seed`` restarts the fault generator."""
        settings = replace(self.settings, **changes)
        if settings.stage != self.settings.stage:
            raise ValueError("stage is part of the URLs and cannot be changed while the gateway runs")
        self.settings = settings
        if "seed" in changes:
            self.random = random.Random(self.settings.seed)
            self._post_counts.clear()

    def change_for(self, connection_id: str, changes: dict[str, Any]) -> None:
        """Replace fields for the posts to one connection; without changes, remove its overrides."""
        replace(self.settings, **changes)  # validates names and values now instead of at the next post
        self._overrides = {**self._overrides, connection_id: changes}

    def settings_for(self, connection_id: str) -> GatewaySettings:
        """Return the settings for posts to ``connection_id``."""
        changes = self._overrides.get(connection_id)
        return replace(self.settings, **changes) if changes else self.settings

    def fault_injector_for_post(self, connection_number: int, settings: GatewaySettings) -> FaultInjector | None:
        """Return the fault injector of the next post to a connection, or None if ``settings`` have no such fault.

        It is seeded by the connection and the number of its posts under faults. The arrival order of posts to
        different connections is not part of the seed: it differs in every run.
        """
        if not settings.has_post_faults:
            return None
        self._post_counts[connection_number] += 1
        return FaultInjector(self.settings.seed, connection_number, self._post_counts[connection_number])

    def milliseconds(self) -> int:
        """Return the Unix time in milliseconds, as in events."""
        return int(self.clock.time() * 1000)

    def record(self, api: str, method: str, path: str, status: int, started: float) -> None:
        """Write one entry of the access log; ``started`` is monotonic time."""
        elapsed = (self.clock.monotonic() - started) * 1000
        self._access_log(AccessRecord(api, method, path, status, elapsed))
