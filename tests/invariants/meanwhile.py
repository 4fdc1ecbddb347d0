"""Something that happens before a chosen write of an operation, when it has read all that it decides upon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.kernel.errors import ChatError
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.interleaving import Act, error_of
from tests.invariants.world import Process


class Meanwhile(Layer):
    """A client before whose n-th write something happens."""

    def __init__(self, engine: DynamoClient, nth: int, do: Callable[[], object]) -> None:
        super().__init__(engine)
        self._left = nth
        self._do = do
        self.came = False

    def call(self, call: Call) -> Any:
        """Let it happen, and go on."""
        if call.writes:
            self._left -= 1
            if self._left == 0:
                self.came = True
                self._do()
        return self.forward(call)


def code_of(act: Act, process: Process) -> str | None:
    """How it ends."""
    try:
        return error_of(act(process))
    except ChatError as error:
        return error.code
