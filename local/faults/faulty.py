"""A client whose calls fail by plan."""

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

    After a ``Crash`` the client is as dead as its process: every further call raises ``Crash`` and has no
    effect, so clean-up code of the operation that crashed does nothing that a dead process could not do.
    Faults take no time of their own: a timeout is raised at once.
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
        """Carry out the call, or fail; ValueError if the plan asks for what the operation cannot suffer."""
        if self._crashed:
            raise Crash(f"the process is dead, it cannot call {call}")
        fault = self._plan(call)
        if fault is None:
            return self.forward(call)
        if not fault.applies_to(call.operation):
            raise ValueError(f"the plan asks for {fault.kind.name} on {call}, which cannot fail that way")
        match fault.kind:
            case FaultKind.UNPROCESSED:
                return serve_part_of_batch(call, fault.keep, self.forward)
            case FaultKind.SHORT_PAGE:
                return query_short_page(call, fault.keep, self.forward)
            case _:
                return self._fail(call, fault)

    def _fail(self, call: Call, fault: Fault) -> Any:
        if fault.after:
            # If it was refused, the answer that says so is lost as well.
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
                return Crash(f"the process died {'after' if fault.after else 'before'} {call}")
