"""A client whose calls fail according to a plan."""

import contextlib
from typing import Any

from botocore.exceptions import ClientError

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from local.faults.errors import Crash, internal_error, read_timeout, throttled, unreachable
from local.faults.partial import query_short_page, serve_part_of_batch
from local.faults.plans import Fault, FaultKind, Plan


class FaultyClient(Layer):
    """Injects the faults of ``plan``.

    After a ``Crash``, every further call raises ``Crash`` without effect, so that clean-up code of the crashed
    operation cannot do more than a dead process could. Faults take no time: a timeout is raised immediately.
    """

    def __init__(self, inner: DynamoClient, plan: Plan) -> None:
        super().__init__(inner)
        self._plan = plan
        self._crashed = False

    @property
    def crashed(self) -> bool:
        """Whether a Crash has been injected."""
        return self._crashed

    def call(self, call: Call) -> Any:
        """Execute the call or fail. Raises ValueError if the fault does not apply to the operation."""
        if self._crashed:
            raise Crash(f"the process has crashed and cannot call {call}")
        fault = self._plan(call)
        if fault is None:
            return self.forward(call)
        if not fault.applies_to(call.operation):
            raise ValueError(f"the plan injects {fault.kind.name} into {call}, to which it does not apply")
        match fault.kind:
            case FaultKind.UNPROCESSED:
                return serve_part_of_batch(call, fault.keep, self.forward)
            case FaultKind.SHORT_PAGE:
                return query_short_page(call, fault.keep, self.forward)
            case _:
                return self._fail(call, fault)

    def _fail(self, call: Call, fault: Fault) -> Any:
        if fault.after:
            # If the call was rejected, that response is lost as well.
            with contextlib.suppress(ClientError):
                self.forward(call)
        if fault.kind is FaultKind.CRASH:
            self._crashed = True
        raise self._error(call, fault)

    def _error(self, call: Call, fault: Fault) -> BaseException:
        match fault.kind:
            case FaultKind.THROTTLED:
                return throttled(self._inner, call, fault.code)
            case FaultKind.INTERNAL_ERROR:
                return internal_error(self._inner, call)
            case FaultKind.READ_TIMEOUT:
                return read_timeout(self._inner)
            case FaultKind.UNREACHABLE:
                return unreachable(self._inner)
            case _:
                return Crash(f"the process crashed {'after' if fault.after else 'before'} {call}")
