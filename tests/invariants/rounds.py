"""Round trips counted in the head, not by a clock: what is gathered happens at the same time, the rest in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer


class Rounds:
    """How many round trips to the store lie one behind the other up to now."""

    def __init__(self) -> None:
        self.now = 0

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """`core.ports.Gather`: each call begins at the same moment; all have ended when the last one has."""
        began, ended = self.now, self.now
        results = []
        for call in calls:
            self.now = began
            results.append(call())
            ended = max(ended, self.now)
        self.now = ended
        return results

    def client(self, inner: DynamoClient) -> DynamoClient:
        """A client each of whose calls is one round trip."""
        return _Counting(inner, self)


class _Counting(Layer):
    def __init__(self, inner: DynamoClient, rounds: Rounds) -> None:
        super().__init__(inner)
        self._rounds = rounds

    def call(self, call: Call) -> Any:
        self._rounds.now += 1
        return self.forward(call)
