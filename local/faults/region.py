"""A client that gives an atomic engine the timing and isolation of a DynamoDB region.

Every call takes time, and its effect happens at one point in between. A transaction holds its items from its start
to its end: see ``windows`` for the effect on other calls.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.faults.calls import Call, ItemKey, batch_write_key, item_key
from local.faults.capacity import PartitionLimits
from local.faults.client import DynamoClient, Layer
from local.faults.clock import Clock, MonotonicClock
from local.faults.errors import (
    cancelled_by_conflict,
    throttled,
    transaction_conflict,
    transaction_in_progress,
    unprocessed_items,
)
from local.faults.expressions import query_range
from local.faults.partial import merge_unprocessed, split_keys
from local.faults.seeded import seeded_fraction
from local.faults.visibility import can_be_patched, patched_batch_get, patched_query
from local.faults.windows import (
    Image,
    ItemsHeldError,
    RunningTransaction,
    TokenInUseError,
    TransactionWindows,
)

ShowsOld = Callable[[Call, ItemKey], bool]
"""Whether a read returns the old state of an item of a running transaction."""


@dataclass(frozen=True)
class Latency:
    """The minimum duration of calls, in seconds; a slower engine takes longer.

    ``jitter`` is the share by which each duration varies uniformly in both directions. ``effect_at`` is the point
    of the effect, from 0 (the start of the call) to 1 (its end).
    """

    call: float = 0.004
    transaction: float = 0.010
    jitter: float = 0.0
    effect_at: float = 0.5

    def seconds(self, call: Call, seed: int) -> float:
        """Return the duration of this call."""
        base = self.transaction if call.operation == "transact_write_items" else self.call
        return base * (1 + self.jitter * (2 * seeded_fraction(seed, "latency", call.number) - 1))


TYPICAL_LATENCY = Latency()
"""The latency of an idle region: 4 ms per call, 10 ms per transaction."""

NO_LATENCY = Latency(0.0, 0.0)
"""Every call takes only as long as the engine."""


def seeded_visibility(seed: int, probability: float) -> ShowsOld:
    """Return the old state of each item of a running transaction with this probability, per read."""
    return lambda call, key: seeded_fraction(seed, "old", call.number, key) < probability


class RegionClient(Layer):
    """The timing, conflicts, isolation and limits of a region, in front of ``engine``.

    Clients of one store share ``windows`` and ``limits``. Without ``shows_old``, a transaction becomes visible
    atomically; without ``limits``, nothing is throttled. A conflict or a throttled call takes the caller as long
    as a success.
    """

    def __init__(
        self,
        engine: DynamoClient,
        *,
        seed: int = 0,
        latency: Latency = TYPICAL_LATENCY,
        windows: TransactionWindows | None = None,
        shows_old: ShowsOld | None = None,
        limits: PartitionLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(engine)
        self._limits = limits
        self._seed = seed
        self._latency = latency
        self._windows = windows or TransactionWindows()
        self._shows_old = shows_old
        self._clock = clock or MonotonicClock()

    def call(self, call: Call) -> Any:
        """Execute one call within its duration, if the limits admit it."""
        if self._limits is None:
            return self._execute(call)
        if exhausted := self._limits.exhausted(call):
            return self._throttle(call, exhausted)
        return self._execute_charged(call, self._limits)

    def _throttle(self, call: Call, exhausted: frozenset[int]) -> Any:
        """Reject a call, or execute those requests of a batch that are within the limits."""
        partial = call.operation in ("batch_get_item", "batch_write_item") and len(exhausted) < len(call.keys)
        if not partial:
            with self._duration(call):
                raise throttled(self._inner, call, "ThrottlingException", exhausted)
        keys = frozenset(key for at, key in enumerate(call.keys) if at in exhausted)
        is_read = call.operation == "batch_get_item"
        split, member = (split_keys, "UnprocessedKeys") if is_read else (_split, "UnprocessedItems")
        admitted, rejected = split(call.arguments["RequestItems"], keys)
        response = self.call(call.with_arguments(RequestItems=admitted))
        return {**response, member: merge_unprocessed(response.get(member, {}), rejected)}

    def _execute_charged(self, call: Call, limits: PartitionLimits) -> Any:
        if not call.writes:
            answer = self._execute(call)
            limits.charge_read(call, answer)
            return answer
        charge = limits.charge_write(call)
        try:
            return self._execute(call)
        finally:
            limits.charge_growth(call, charge)

    def _execute(self, call: Call) -> Any:
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
            # Before the effect, so that a reader of the new state finds the old images and marks them.
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
        """Return requests for held items as unprocessed: BatchWriteItem has no error for a conflict."""
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
            # An index is eventually consistent anyway, so its result does not mark anything as visible.
            if call.operation == "get_item" or "IndexName" in call.arguments:
                response = self.forward(call)
                self._windows.mark_new_visible(call.keys)
                return response
            return self._read_committed(call)

    def _read_committed(self, call: Call) -> Any:
        requested = query_range(call.arguments) if call.operation == "query" else frozenset(call.keys)
        images = self._windows.old_images(requested.__contains__, lambda key: self._shows_old_image(call, key))
        if not images:
            return self.forward(call)
        patched = patched_query if call.operation == "query" else patched_batch_get
        return patched(call, images, self.forward)

    def _shows_old_image(self, call: Call, key: ItemKey) -> bool:
        return self._shows_old is not None and can_be_patched(call) and self._shows_old(call, key)

    def _read_current(self, keys: frozenset[ItemKey]) -> dict[ItemKey, Image]:
        """Return the current items, directly from the engine."""
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
        """Wait for the call's point of effect, and afterwards, also after an error, for its end."""
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
    """Split the requests into those for free items and those for held items, each by table."""
    parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for table, table_requests in requests.items():
        for request in table_requests:
            parts[batch_write_key(table, request) in held].setdefault(table, []).append(request)
    return parts
