"""Helpers for one partition of a toy table, and clocks and layers that tests can block."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient, Layer
from local.faults.clock import VirtualClock
from local.faults.region import RegionClient, ShowsOld
from local.faults.windows import TransactionWindows

TIMEOUT = 5.0


@dataclass(frozen=True)
class Partition:
    """Makes arguments for calls on one partition."""

    table: str
    pk: str

    def key(self, sk: str) -> ItemKey:
        return ItemKey(self.table, self.pk, sk)

    def at(self, sk: str) -> dict[str, Any]:
        return {"TableName": self.table, "Key": self.key(sk).attributes()}

    def item(self, sk: str, n: int = 0) -> dict[str, Any]:
        return {**self.key(sk).attributes(), "n": {"N": str(n)}}

    def put(self, sk: str, n: int = 0, **more: Any) -> dict[str, Any]:
        return {"TableName": self.table, "Item": self.item(sk, n), **more}

    def add(self, sk: str, n: int = 1) -> dict[str, Any]:
        values = {":n": {"N": str(n)}}
        return {**self.at(sk), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": values}

    def check_absent(self, sk: str) -> dict[str, Any]:
        return {**self.at(sk), "ConditionExpression": "attribute_not_exists(pk)"}

    def all(self, **more: Any) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": self.pk}},
            "ConsistentRead": True,
            **more,
        }

    def batch_get(self, *sks: str, **more: Any) -> dict[str, Any]:
        keys = [self.key(sk).attributes() for sk in sks]
        return {"RequestItems": {self.table: {"Keys": keys, "ConsistentRead": True, **more}}}

    def batch_put(self, *sks: str) -> dict[str, Any]:
        return {"RequestItems": {self.table: [{"PutRequest": {"Item": self.item(sk)}} for sk in sks]}}

    def read(self, client: DynamoClient, sk: str) -> int | None:
        """Return the number in an item, read with GetItem."""
        item = client.get_item(**self.at(sk), ConsistentRead=True).get("Item")
        return None if item is None else int(item["n"]["N"])

    def contents(self, client: DynamoClient) -> dict[str, int]:
        """Return the whole partition, read with one Query."""
        return numbers(client.query(**self.all())["Items"])


def numbers(items: list[dict[str, Any]]) -> dict[str, int]:
    return {item["sk"]["S"]: int(item["n"]["N"]) for item in items}


class StoppingClock:
    """A clock on which every sleep lasts until the test ends it; its time does not advance."""

    def __init__(self) -> None:
        self._asleep = threading.Semaphore(0)
        self._go_on = threading.Semaphore(0)

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self._asleep.release()
        assert self._go_on.acquire(timeout=TIMEOUT), "the test did not end this sleep"

    def await_sleeper(self) -> None:
        assert self._asleep.acquire(timeout=TIMEOUT), "no thread started to sleep on this clock"

    def wake(self) -> None:
        self._go_on.release()


class Hooked(Layer):
    """Calls ``hook`` before every call that it forwards."""

    def __init__(self, inner: DynamoClient, hook: Callable[[Call], object]) -> None:
        super().__init__(inner)
        self._hook = hook

    def call(self, call: Call) -> Any:
        self._hook(call)
        return self.forward(call)


class Region:
    """A region whose clients share their transaction windows."""

    def __init__(self, engine: DynamoClient, shows_old: ShowsOld | None = None) -> None:
        self.engine = engine
        self.windows = TransactionWindows()
        self._shows_old = shows_old

    def client(self, clock: VirtualClock | None = None) -> RegionClient:
        """Return a client whose calls take no real time."""
        return RegionClient(
            self.engine, windows=self.windows, shows_old=self._shows_old, clock=clock or VirtualClock()
        )

    @contextmanager
    def running(
        self, *actions: dict[str, Any], effect: bool = True, **more: Any
    ) -> Iterator["Future[dict[str, Any]]"]:
        """Hold a transaction open, before or after its effect, for the context."""
        clock = StoppingClock()
        client = RegionClient(self.engine, windows=self.windows, shows_old=self._shows_old, clock=clock)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(client.transact_write_items, TransactItems=list(actions), **more)
            clock.await_sleeper()
            if effect:
                clock.wake()
                clock.await_sleeper()
            try:
                yield future
            finally:
                for _ in range(1 if effect else 2):
                    clock.wake()
