"""Creations with the same idempotency key at the same time make one conversation."""

from __future__ import annotations

import pytest

from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.tables import Tables

PEOPLE = {"a few": ("bob",), "many": tuple(f"guest_{number}x" for number in range(40))}


@BOTH_STORES
@pytest.mark.parametrize("name", PEOPLE)
def test_creations_with_one_key_make_one_conversation(
    tables: Tables, engine_tables: Tables, store: Store, name: str
) -> None:
    """In one transaction, and in several of which the last one decides."""
    people = PEOPLE[name]

    def judge(harness: Harness, ends: Results) -> None:
        succeeded = [end for end in ("first", "second") if ends.succeeded(end)]
        if store is Store.ATOMIC:
            assert len(succeeded) == 2
        made = {ends[end]["conversation_id"] for end in succeeded}
        listed = harness.process(skew=30.0).list_conversations("alice")
        found = {summary["conversation_id"] for summary in listed} - {harness.conversation}
        assert len(found) <= 1
        assert made <= found

    def create(key: str) -> Act:
        return lambda process: process.create_conversation("alice", people, key=key)

    interleave(
        tables,
        Setup(non_members=tuple(person for person in people if person != "bob")),
        {"first": create("k"), "second": create("k")},
        judge,
        store=store,
        samples=some_of(store, 40) if name == "a few" else 20,
        engine_tables=engine_tables,
    )
