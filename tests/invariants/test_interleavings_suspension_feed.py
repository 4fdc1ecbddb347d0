"""Suspensions concurrent with activity and with the begin of a feed, in every interleaving."""

from __future__ import annotations

import pytest

from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.tables import Tables
from tests.invariants.test_interleavings_feed import (
    CHANGES,
    alice_has_sent,
    asks_for_feed,
    engine_tables_with_feed,
    tables_with_feed,
)
from tests.invariants.test_interleavings_suspension import suspends

__all__ = ["engine_tables_with_feed", "tables_with_feed"]

UNSUBSCRIBED = Setup(subscribed=())
SUSPENSION = "bob is suspended"
OTHERS: dict[str, Act] = {**CHANGES, "a feed of bob": asks_for_feed("bob")}


@BOTH_STORES
@pytest.mark.parametrize("other", OTHERS)
def test_suspended_participant_receives_no_later_activity(
    tables: Tables, engine_tables: Tables, store: Store, other: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded(other, "UNAUTHORIZED")
        suspended = ends.succeeded(SUSPENSION)
        harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")
        assert "afterwards" in str(harness.pushed_frames("carol", "activity")), "a member receives it"
        if suspended:
            assert "afterwards" not in str(harness.pushed_frames("bob", "activity"))

    acts: dict[str, Act] = {other: OTHERS[other], SUSPENSION: suspends("bob")}
    samples = some_of(store, 40)
    interleave(
        tables,
        UNSUBSCRIBED,
        acts,
        judge,
        store=store,
        arrange=alice_has_sent,
        samples=samples,
        engine_tables=engine_tables,
    )
