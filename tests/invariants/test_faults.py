"""A failed store call at any point of any request: throttled, unreachable, lost after its effect, or partial.

The client receives at most a retryable error, and repeats.
"""

import functools
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError
from local.faults.calls import READS, Call
from local.faults.client import DynamoClient, Layer
from local.faults.errors import cancelled_by_conflict, transaction_conflict
from local.faults.faulty import FaultyClient
from local.faults.plans import (
    INTERNAL_ERROR_AFTER,
    READ_TIMEOUT_AFTER,
    THROTTLED,
    UNREACHABLE,
    Fault,
    nth,
    short_page,
    unprocessed,
)
from local.faults.recording import Journal, RecordingClient
from tests.invariants import cases
from tests.invariants.cases import WRITES, Case, verify_end
from tests.invariants.harness import Harness
from tests.invariants.interleaving import SAMPLES, WHOLE, error_of
from tests.invariants.tables import Tables, memory_tables
from tests.invariants.update_cases import UPDATES

BEFORE = (THROTTLED, UNREACHABLE)
AFTER = (INTERNAL_ERROR_AFTER, READ_TIMEOUT_AFTER)
CASES = [*WRITES, *UPDATES, *cases.READS]
HELPS_TO_REPEAT = ("UNAVAILABLE", "CONVERSATION_BUSY")


class InPart(Layer):
    """Serves call `number` in part, or with a conflict.

    A query ends its page early, a batch returns unprocessed keys, a write conflicts.
    """

    def __init__(self, inner: DynamoClient, number: int) -> None:
        super().__init__(inner)
        self._number = number
        self.happened = False

    def call(self, call: Call) -> Any:
        """Forward the call, or only a part of it."""
        if call.number != self._number or call.operation == "get_item":
            return self.forward(call)
        self.happened = True
        match call.operation:
            case "query":
                plan = nth(1, short_page(0))
            case "batch_get_item" | "batch_write_item":
                plan = nth(1, unprocessed(1))
            case "transact_write_items":
                raise cancelled_by_conflict(self._inner, call, frozenset({0}))
            case _:
                raise transaction_conflict(self._inner, call)
        return getattr(FaultyClient(self._inner, plan), call.operation)(**call.arguments)


@functools.cache
def calls_of(case: Case) -> dict[int, str]:
    """Return the operations of the store calls that are tested, by their numbers in a request without faults."""
    tables, journal = memory_tables(), Journal()
    harness = case.begin(tables.harness(case.setup))
    case.act(harness.process(RecordingClient(tables.engine, journal), skew=case.delay, stale=case.stale))
    return {
        number: entry.operation
        for number, entry in enumerate(journal.entries(), start=1)
        if case.calls is None or number in case.calls
    }


def faults_of(operation: str, number: int) -> list[Fault]:
    """Return the faults of a store call that can have different consequences; all of them in a long run.

    `Dynamo.call` raises the same error for each fault of a group (but a throttled transaction is cancelled), so
    the calls take them in turn. A read has no effect that could come first.
    """
    if SAMPLES >= WHOLE:
        return [*BEFORE, *AFTER]
    if operation in READS:
        return [[*BEFORE, *AFTER][number % 4]]
    before = BEFORE if operation == "transact_write_items" else BEFORE[number % 2 :][:1]
    return [*before, AFTER[number % 2]]


def request(case: Case, harness: Harness, client: DynamoClient | None, again: float = 0.0) -> str | None:
    """Make the request and return its error code; any exception but a ChatError is a failure."""
    try:
        answer = case.act(harness.process(client, skew=case.delay + again, stale=case.stale))
    except ChatError as error:
        return error.code
    code = error_of(answer)
    if isinstance(answer, list) and code is not None:
        assert len(answer) == 1 or case.name.startswith(("hello", "batch")), f"an error beside an answer: {answer}"
    return code


def repeat(case: Case, harness: Harness) -> None:
    for again in range(1, 4):
        code = request(case, harness, None, again=float(again))
        if code not in HELPS_TO_REPEAT:
            assert code is None or code in case.accepted_codes, f"the repeat ended in {code}"
            return
    raise AssertionError("repeating does not help")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_repeat_after_a_failed_call_takes_effect_once(tables: Tables, case: Case) -> None:
    failures = [
        (number, fault) for number, operation in calls_of(case).items() for fault in faults_of(operation, number)
    ]
    for number, fault in failures:
        harness = case.begin(tables.harness(case.setup))
        try:
            code = request(case, harness, FaultyClient(tables.engine, nth(number, fault)))
            assert code is None or code in HELPS_TO_REPEAT, f"the failure was told as {code}"
            if code is not None:
                repeat(case, harness)
            verify_end(case, harness)
        except BaseException as error:
            error.add_note(f"this was with the fault {fault} of store call {number}")
            raise


@pytest.mark.parametrize("case", CASES, ids=str)
def test_partial_batch_or_single_conflict_is_retried(tables: Tables, case: Case) -> None:
    happened = 0
    for number, operation in calls_of(case).items():
        if operation == "get_item":  # it is done as a whole
            continue
        harness = case.begin(tables.harness(case.setup))
        client = InPart(tables.engine, number)
        try:
            assert request(case, harness, client) is None
            verify_end(case, harness)
        except BaseException as error:
            error.add_note(f"this was with store call {number} done in part")
            raise
        happened += client.happened
    assert happened >= 1


def test_sweep_with_partial_batches_purges_everything(tables: Tables) -> None:
    for number in range(1, 16):
        harness = tables.harness()
        harness.process().post_message("alice", "hi", "k")
        harness.process().delete_conversation("alice")
        client = InPart(tables.engine, number)
        harness.process(client, skew=1.0).app.conversations.lifecycle.purge_due(60.0)
        # A retention check of a purged conversation is dropped when it is due (test_retention.py), and a standing
        # belongs to its participant.
        stored = [key for key in harness.items() if key.table == tables.conversations_table]
        left = [key for key in stored if key.pk != "RETENTION" and key.sk != "STANDING"]
        assert not left, f"with store call {number} done in part, {left} was left"
