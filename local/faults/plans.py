"""Plans that decide which call fails, and how.

A plan is a function of the call: it returns the ``Fault`` to inject, or ``None``. The plans below select the nth
call, all calls, or random calls, optionally only of some operations; ``first_of`` combines plans. A fault "before"
replaces the effect; a fault "after" follows it. The caller cannot distinguish the two.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from local.faults.calls import Call
from local.faults.seeded import seeded_choice, seeded_fraction


class FaultKind(Enum):
    """The ways in which a call can fail."""

    THROTTLED = auto()
    INTERNAL_ERROR = auto()
    READ_TIMEOUT = auto()
    UNREACHABLE = auto()
    CRASH = auto()
    UNPROCESSED = auto()
    SHORT_PAGE = auto()


_APPLICABLE_OPERATIONS = {
    FaultKind.UNPROCESSED: frozenset({"batch_get_item", "batch_write_item"}),
    FaultKind.SHORT_PAGE: frozenset({"query"}),
}


@dataclass(frozen=True)
class Fault:
    """One way to fail; use the constants and functions of this module.

    ``after`` means that the effect happens first, ``code`` is the error code of throttling, and ``keep`` is the
    number of batch requests, or items of a page, that are still served.
    """

    kind: FaultKind
    after: bool = False
    code: str = "ProvisionedThroughputExceededException"
    keep: int = 1

    def applies_to(self, operation: str) -> bool:
        """Return whether the operation can fail in this way."""
        return operation in _APPLICABLE_OPERATIONS.get(self.kind, {operation})


Plan = Callable[[Call], Fault | None]

THROTTLED = Fault(FaultKind.THROTTLED)
"""ProvisionedThroughputExceededException; a transaction is cancelled for that reason."""
RATE_EXCEEDED = Fault(FaultKind.THROTTLED, code="ThrottlingException")
"""ThrottlingException; a transaction is cancelled with ThrottlingError."""
INTERNAL_ERROR_BEFORE = Fault(FaultKind.INTERNAL_ERROR)
INTERNAL_ERROR_AFTER = Fault(FaultKind.INTERNAL_ERROR, after=True)
READ_TIMEOUT_BEFORE = Fault(FaultKind.READ_TIMEOUT)
READ_TIMEOUT_AFTER = Fault(FaultKind.READ_TIMEOUT, after=True)
UNREACHABLE = Fault(FaultKind.UNREACHABLE)
"""EndpointConnectionError: nothing was sent."""
CRASH_BEFORE = Fault(FaultKind.CRASH)
CRASH_AFTER = Fault(FaultKind.CRASH, after=True)


def unprocessed(keep: int = 1) -> Fault:
    """Return a fault that executes only the first ``keep`` requests of a batch and returns the rest.

    Raises ValueError below 1: DynamoDB raises an error if it processed nothing.
    """
    if keep < 1:
        raise ValueError("a batch that processed nothing is an error (use THROTTLED), not a partial result")
    return Fault(FaultKind.UNPROCESSED, keep=keep)


def short_page(keep: int = 1) -> Fault:
    """Return a fault that ends a query's page after ``keep`` items; 0 gives an empty page where possible.

    DynamoDB may end a page early (1 MB, filters), so readers must continue until there is no LastEvaluatedKey.
    Raises ValueError for a negative number.
    """
    if keep < 0:
        raise ValueError(f"a page cannot have {keep} items")
    return Fault(FaultKind.SHORT_PAGE, keep=keep)


def no_faults(call: Call) -> Fault | None:
    """Inject nothing."""
    return None


def nth(n: int, fault: Fault, *operations: str) -> Plan:
    """Fail the nth call, from 1, counting only ``operations`` if given."""
    counter = itertools.count(1)

    def plan(call: Call) -> Fault | None:
        return fault if _matches(call, operations) and next(counter) == n else None

    return plan


def always(fault: Fault, *operations: str) -> Plan:
    """Fail every call, or every call of ``operations`` if given."""
    return lambda call: fault if _matches(call, operations) else None


def at_random(probability: float, faults: Sequence[Fault], *operations: str, seed: int) -> Plan:
    """Fail random calls (seeded), each with one of the ``faults`` that apply to its operation."""

    def plan(call: Call) -> Fault | None:
        possible = [fault for fault in faults if fault.applies_to(call.operation)]
        if not possible or not _matches(call, operations):
            return None
        fails = seeded_fraction(seed, "fault", call.number) < probability
        return seeded_choice(possible, seed, "which fault", call.number) if fails else None

    return plan


def first_of(*plans: Plan) -> Plan:
    """Use the first plan that returns a fault; every plan sees every call, so that its counter advances."""

    def plan(call: Call) -> Fault | None:
        faults = [fault for candidate in plans if (fault := candidate(call)) is not None]
        return faults[0] if faults else None

    return plan


def _matches(call: Call, operations: tuple[str, ...]) -> bool:
    return not operations or call.operation in operations
