"""Which call fails, and how.

A plan is a function of the call: it returns the ``Fault`` to inject, or ``None``. Ready-made plans pick
the nth call, or calls by chance, optionally of some operations only; ``first_of`` combines plans. A fault
"before" happens instead of the effect, a fault "after" once the effect has taken place: the caller cannot
tell the two apart, which is the point of them.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from local.faults.calls import Call
from local.faults.chance import seeded_choice, seeded_fraction


class FaultKind(Enum):
    """The ways in which a call can go wrong."""

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
    """One way to fail; use the constants and functions of this module to get one.

    ``after`` says whether the effect takes place first, ``code`` is the error of a throttled call, ``keep``
    how many requests of a batch, or items of a page, are still served.
    """

    kind: FaultKind
    after: bool = False
    code: str = "ProvisionedThroughputExceededException"
    keep: int = 1

    def applies_to(self, operation: str) -> bool:
        """Whether the operation can fail in this way at all."""
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
    """A batch of which only the first ``keep`` requests are carried out, the rest is handed back.

    DynamoDB raises an error rather than hand back everything, so at least one is carried out (ValueError).
    """
    if keep < 1:
        raise ValueError("a batch of which nothing was processed is an error (use THROTTLED), not an answer")
    return Fault(FaultKind.UNPROCESSED, keep=keep)


def short_page(keep: int = 1) -> Fault:
    """A query cut after ``keep`` items with a LastEvaluatedKey; 0 gives an empty page where one is possible.

    DynamoDB does so whenever it likes (page of 1 MB, filters), so readers must go on until there is no key.
    Raises ValueError for a negative number.
    """
    if keep < 0:
        raise ValueError(f"a page cannot hold {keep} items")
    return Fault(FaultKind.SHORT_PAGE, keep=keep)


def no_faults(call: Call) -> Fault | None:
    """The plan without faults."""
    return None


def nth(n: int, fault: Fault, *operations: str) -> Plan:
    """Fail the nth call, from 1, counting only calls of ``operations`` if any are named."""
    counter = itertools.count(1)

    def plan(call: Call) -> Fault | None:
        return fault if _matches(call, operations) and next(counter) == n else None

    return plan


def always(fault: Fault, *operations: str) -> Plan:
    """Fail every call, or every call of ``operations`` if any are named."""
    return lambda call: fault if _matches(call, operations) else None


def at_random(probability: float, faults: Sequence[Fault], *operations: str, seed: int) -> Plan:
    """Fail calls by seeded chance, each with one of those ``faults`` that its operation can suffer."""

    def plan(call: Call) -> Fault | None:
        possible = [fault for fault in faults if fault.applies_to(call.operation)]
        if not possible or not _matches(call, operations):
            return None
        fails = seeded_fraction(seed, "fault", call.number) < probability
        return seeded_choice(possible, seed, "which fault", call.number) if fails else None

    return plan


def first_of(*plans: Plan) -> Plan:
    """Follow the first plan that has a fault for the call; every plan is shown every call, to count it."""

    def plan(call: Call) -> Fault | None:
        faults = [fault for each in plans if (fault := each(call)) is not None]
        return faults[0] if faults else None

    return plan


def _matches(call: Call, operations: tuple[str, ...]) -> bool:
    return not operations or call.operation in operations
