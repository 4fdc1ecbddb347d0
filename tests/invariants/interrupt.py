"""An action that runs before a chosen write of an operation, after all reads that the write depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.kernel.errors import ChatError
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.interleaving import Act, error_of
from tests.invariants.process import Process


class Interrupt(Layer):
    """A client that runs an action before its n-th write."""

    def __init__(self, engine: DynamoClient, nth: int, do: Callable[[], object]) -> None:
        super().__init__(engine)
        self._left = nth
        self._do = do
        self.has_run = False

    def call(self, call: Call) -> Any:
        """Run the action if it is due, and forward the call."""
        if call.writes:
            self._left -= 1
            if self._left == 0:
                self.has_run = True
                self._do()
        return self.forward(call)


def error_code(act: Act, process: Process) -> str | None:
    """Return the error code of an act, or None."""
    try:
        return error_of(act(process))
    except ChatError as error:
        return error.code
