"""A store call that fails, at any place of any request: throttled, unreachable, lost after its effect, in part.

The client hears of it at most by an error that says that repeating helps, and repeats.
"""

from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError
from local.faults.calls import Call
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
from tests.invariants.cases import READS, WRITES, Case, judge_the_end
from tests.invariants.changing_cases import CHANGING
from tests.invariants.interleaving import error_of
from tests.invariants.world import Stage, World

FAULTS = {
    "throttled": THROTTLED,
    "unreachable": UNREACHABLE,
    "failed after its effect": INTERNAL_ERROR_AFTER,
    "timed out after its effect": READ_TIMEOUT_AFTER,
}
CASES = [*WRITES, *CHANGING, *READS]
HELPS_TO_REPEAT = ("UNAVAILABLE", "CONVERSATION_BUSY")


class InPart(Layer):
    """Lets call `number` be served in part, or meet a transaction that is under way.

    A query ends its page early, a batch hands something back, a write conflicts.
    """

    def __init__(self, inner: DynamoClient, number: int) -> None:
        super().__init__(inner)
        self._number = number
        self.happened = False

    def call(self, call: Call) -> Any:
        """Carry it out, or only a part of it."""
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


def calls_of(case: Case, stage: Stage) -> int:
    """How many store calls the request makes in peace."""
    journal = Journal()
    world = case.begin(stage.world(case.shape))
    case.act(world.process(RecordingClient(stage.engine, journal), skew=case.later, lost=case.lost))
    return journal.count() if case.points is None else case.points // 2


def request(case: Case, world: World, client: DynamoClient | None, again: float = 0.0) -> str | None:
    """Make the request; the code of the error that answers it, and of nothing else than an answer."""
    try:
        answer = case.act(world.process(client, skew=case.later + again, lost=case.lost))
    except ChatError as error:
        return error.code
    code = error_of(answer)
    if isinstance(answer, list) and code is not None:
        assert len(answer) == 1 or case.name.startswith("hello"), f"an error beside an answer: {answer}"
    return code


def repeat(case: Case, world: World) -> None:
    for again in range(1, 4):
        code = request(case, world, None, again=float(again))
        if code not in HELPS_TO_REPEAT:
            assert code is None or code in case.already, f"the repeat ended in {code}"
            return
    raise AssertionError("repeating does not help")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_after_a_failure_anywhere_a_repeat_does_it_once(stage: Stage, case: Case, fault: Fault) -> None:
    for number in range(1, calls_of(case, stage) + 1):
        world = case.begin(stage.world(case.shape))
        try:
            code = request(case, world, FaultyClient(stage.engine, nth(number, fault)))
            assert code is None or code in HELPS_TO_REPEAT, f"the failure was told as {code}"
            if code is not None:
                repeat(case, world)
            judge_the_end(case, world)
        except BaseException as error:
            error.add_note(f"this was with store call {number} failing")
            raise


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_is_done_in_part_or_conflicts_once_is_not_noticed(stage: Stage, case: Case) -> None:
    happened = 0
    for number in range(1, calls_of(case, stage) + 1):
        world = case.begin(stage.world(case.shape))
        client = InPart(stage.engine, number)
        try:
            assert request(case, world, client) is None
            judge_the_end(case, world)
        except BaseException as error:
            error.add_note(f"this was with store call {number} done in part")
            raise
        happened += client.happened
    assert happened >= 1


def test_a_sweep_in_parts_clears_all_away(stage: Stage) -> None:
    for number in range(1, 16):
        world = stage.world()
        world.process().sends("alice", "hi", "k")
        world.process().delete("alice")
        client = InPart(stage.engine, number)
        world.process(client, skew=1.0).app.conversations.lifecycle.purge_due(60.0)
        # A visit of retention to what is no more is dropped when it is due (test_retention.py).
        stored = [key for key in world.items() if key.table == stage.conversations_table]
        left = [key for key in stored if key.pk != "RETENTION"]
        assert not left, f"with store call {number} done in part, {left} was left"
