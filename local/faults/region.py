"""A client that gives an atomic engine the behaviour in time of a DynamoDB region.

Every call takes its time, and its effect lies at one point within it. A transaction has a window from
begin to end, in which it holds its items: see ``windows`` for what follows for other calls.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.faults.calls import Call, ItemKey, batch_write_key, item_key
from local.faults.chance import seeded_fraction
from local.faults.client import DynamoClient, Layer
from local.faults.clock import Clock, MonotonicClock
from local.faults.errors import (
    cancelled_by_conflict,
    transaction_conflict,
    transaction_in_progress,
    unprocessed_items,
)
from local.faults.expressions import key_range
from local.faults.visibility import can_be_patched, patched_batch_get, patched_query
from local.faults.windows import (
    Image,
    ItemsHeldError,
    RunningTransaction,
    TokenInUseError,
    TransactionWindows,
)

ShowsOld = Callable[[Call, ItemKey], bool]
"""Whether a read shows an item of a running transaction as it was before it."""


@dataclass(frozen=True)
class Latency:
    """How long calls take, in seconds, at least: an engine that is slower than that is not hurried.

    ``jitter`` spreads each duration evenly over ±that share of it. ``effect_at`` is the point of the
    effect, from 0 (the begin of the call) to 1 (its end).
    """

    call: float = 0.004
    transaction: float = 0.010
    jitter: float = 0.0
    effect_at: float = 0.5

    def seconds(self, call: Call, seed: int) -> float:
        """The duration of this call."""
        base = self.transaction if call.operation == "transact_write_items" else self.call
        return base * (1 + self.jitter * (2 * seeded_fraction(seed, "latency", call.number) - 1))


TYPICAL_LATENCY = Latency()
"""What a quiet region takes: 4 ms a call, 10 ms a transaction."""

NO_LATENCY = Latency(0.0, 0.0)
"""Every call as fast as the engine."""


def seeded_visibility(seed: int, probability: float) -> ShowsOld:
    """Each item of a running transaction is shown old with this probability, anew at each read."""
    return lambda call, key: seeded_fraction(seed, "old", call.number, key) < probability


class RegionClient(Layer):
    """The timing, conflicts and isolation of a region, in front of ``engine``.

    Clients that share a store share ``windows``. Without ``shows_old`` a transaction becomes visible as a
    whole at its effect. A conflict costs the caller the whole duration, as a success does.
    """

    def __init__(
        self,
        engine: DynamoClient,
        *,
        seed: int = 0,
        latency: Latency = TYPICAL_LATENCY,
        windows: TransactionWindows | None = None,
        shows_old: ShowsOld | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(engine)
        self._seed = seed
        self._latency = latency
        self._windows = windows or TransactionWindows()
        self._shows_old = shows_old
        self._clock = clock or MonotonicClock()

    def call(self, call: Call) -> Any:
        """Carry out one call within its window of time."""
        match call.operation:
            case "transact_write_items":
                return self._transaction(call)
            case "put_item" | "update_item" | "delete_item":
                return self._single_write(call)
            case "batch_write_item":
                return self._batch_write(call)
            case _:
                return self._read(call)

    def _transaction(self, call: Call) -> Any:
        keys = frozenset(call.keys)
        try:
            transaction = self._windows.open(keys, call.arguments.get("ClientRequestToken"))
        except ItemsHeldError as held:
            with self._duration(call):
                positions = frozenset(at for at, key in enumerate(call.keys) if key in held.keys)
                raise cancelled_by_conflict(self._inner, call, positions) from None
        except TokenInUseError:
            with self._duration(call):
                raise transaction_in_progress(self._inner, call) from None
        try:
            with self._duration(call):
                return self._apply(call, transaction)
        finally:
            self._windows.close(transaction)

    def _apply(self, call: Call, transaction: RunningTransaction) -> Any:
        self._windows.wait_for_single_writes(transaction)
        if self._shows_old is not None:
            # Before the effect, so that whoever reads the new state finds the images to be settled.
            self._windows.record_old_images(transaction, self._read_current(call.written))
        return self.forward(call)

    def _single_write(self, call: Call) -> Any:
        with self._duration(call):
            try:
                with self._windows.single_write(call.keys):
                    return self.forward(call)
            except ItemsHeldError:
                raise transaction_conflict(self._inner, call) from None

    def _batch_write(self, call: Call) -> Any:
        with self._duration(call):
            return self._write_free_items(call)

    def _write_free_items(self, call: Call) -> Any:
        """Requests on held items come back unprocessed: BatchWriteItem has no error for a conflict."""
        try:
            with self._windows.single_write(call.keys):
                return self.forward(call)
        except ItemsHeldError as held:
            free_requests, held_requests = _split(call.arguments["RequestItems"], held.keys)
        response = (
            self._write_free_items(call.with_arguments(RequestItems=free_requests))
            if free_requests
            else unprocessed_items(call, {})
        )
        for table, requests in held_requests.items():
            response["UnprocessedItems"].setdefault(table, []).extend(requests)
        return response

    def _read(self, call: Call) -> Any:
        with self._duration(call):
            # An index is eventually consistent in any case; nothing follows from what it shows.
            if call.operation == "get_item" or "IndexName" in call.arguments:
                response = self.forward(call)
                self._windows.mark_new_visible(call.keys)
                return response
            return self._read_committed(call)

    def _read_committed(self, call: Call) -> Any:
        requested = key_range(call.arguments) if call.operation == "query" else frozenset(call.keys)
        images = self._windows.old_images(requested.__contains__, lambda key: self._shows_old_image(call, key))
        if not images:
            return self.forward(call)
        patched = patched_query if call.operation == "query" else patched_batch_get
        return patched(call, images, self.forward)

    def _shows_old_image(self, call: Call, key: ItemKey) -> bool:
        return self._shows_old is not None and can_be_patched(call) and self._shows_old(call, key)

    def _read_current(self, keys: frozenset[ItemKey]) -> dict[ItemKey, Image]:
        """The items as they are, straight from the engine."""
        images: dict[ItemKey, Image] = dict.fromkeys(sorted(keys))
        pending: dict[str, Any] = {}
        for key in sorted(keys):
            pending.setdefault(key.table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key.attributes())
        while pending:
            response = self._inner.batch_get_item(RequestItems=pending)
            for table, items in response["Responses"].items():
                images.update({item_key(table, item): item for item in items})
            pending = response.get("UnprocessedKeys", {})
        return images

    @contextmanager
    def _duration(self, call: Call) -> Iterator[None]:
        """Reach the call's point of effect, and afterwards, failed or not, its end."""
        started, seconds = self._clock.now(), self._latency.seconds(call, self._seed)
        self._sleep_until(started + seconds * self._latency.effect_at)
        try:
            yield
        finally:
            self._sleep_until(started + seconds)

    def _sleep_until(self, moment: float) -> None:
        remaining = moment - self._clock.now()
        if remaining > 0:
            self._clock.sleep(remaining)


def _split(requests: dict[str, list[Any]], held: frozenset[ItemKey]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The requests on free items and those on held ones, each by table."""
    parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for table, table_requests in requests.items():
        for request in table_requests:
            parts[batch_write_key(table, request) in held].setdefault(table, []).append(request)
    return parts
