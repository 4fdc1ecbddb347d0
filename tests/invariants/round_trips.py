"""Counts sequential round trips: calls that are gathered count as concurrent, all others as sequential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer


class RoundTrips:
    """The number of sequential round trips to the store so far."""

    def __init__(self) -> None:
        self.count = 0

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """A `Gather` that counts its calls as concurrent."""
        started, ended = self.count, self.count
        results = []
        for call in calls:
            self.count = started
            results.append(call())
            ended = max(ended, self.count)
        self.count = ended
        return results

    def client(self, inner: DynamoClient) -> DynamoClient:
        """Return a client whose calls count as one round trip each."""
        return _Counting(inner, self)


class _Counting(Layer):
    def __init__(self, inner: DynamoClient, rounds: RoundTrips) -> None:
        super().__init__(inner)
        self._rounds = rounds

    def call(self, call: Call) -> Any:
        self._rounds.count += 1
        return self.forward(call)
