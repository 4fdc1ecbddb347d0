"""An erasure while a transaction ends that moves a data location: a query may show neither place of it."""

from __future__ import annotations

from functools import partial

import pytest

from chalicelib.aws.dynamodb.keys import FOOTPRINT_PREFIX
from chalicelib.core.model.privacy import erasure_id
from tests.invariants.erasure_scenario import LIVELY, eraser, finish, nothing_is_left
from tests.invariants.interleaving import SHOWS_OLD, Act, Store
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_interleavings_erasure import TEXTS, bob_said
from tests.support.stepper import Run, Step

OTHER_WORKER = "another worker begins in a deleted conversation"


def work(process: Process) -> object:
    """Run one step of the erasure."""
    return process.app.privacy.erasure.run(erasure_id(process.harness.participant_id("bob")), 60.0)


MOVES: dict[str, Act] = {
    "bob is removed": lambda process: process.remove_participant("alice", "bob"),
    "bob leaves": lambda process: process.leave("bob"),
    "another worker begins": work,
    OTHER_WORKER: work,
}


def order(step: Step) -> int:
    """Let the move take effect, then the worker do what it can, and then the move end."""
    is_move = any(key.sk.startswith(FOOTPRINT_PREFIX) for key in step.call.keys)
    if step.operation == "worker":
        return 1
    return 2 if step.ends and is_move else 0


@pytest.mark.parametrize("store", [Store.OLD, Store.HALF, Store.OTHER_HALF])
@pytest.mark.parametrize("move", MOVES)
def test_erasure_does_not_end_before_a_move_is_visible(tables: Tables, store: Store, move: str) -> None:
    harness = tables.harness(LIVELY)
    bob_said(harness)
    if move == OTHER_WORKER:
        harness.process(skew=10.0).delete_conversation("alice")
    process = eraser(harness)
    process.app.privacy.jobs.erase(process.principal("bob"))
    run = Run(split_transactions=True, shows_old=SHOWS_OLD[store])
    for name, act in (("move", MOVES[move]), ("worker", work)):
        run.operation(name, partial(act, eraser(harness, run.client(name, tables.engine))))
    try:
        run.start()
        while waiting := run.waiting():
            run.advance(min(waiting, key=order))
    finally:
        run.abandon()
    finish(eraser(harness, skew=200.0))
    nothing_is_left(harness, secrets=TEXTS)
