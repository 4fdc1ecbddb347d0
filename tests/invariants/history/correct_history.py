"""A correct history, which the tests of the checker corrupt."""

from __future__ import annotations

from tests.invariants.history.history_builder import HistoryBuilder


def plain() -> HistoryBuilder:
    """Ann, Bob and Cid are members, Dan is not; Ann and Bob are subscribed; Cid is removed and readded."""
    builder = HistoryBuilder(["ann", "bob", "cid", "dan"], inside=["ann", "bob", "cid"])
    builder.subscribe("ann", "bob")
    builder.send("ann", "one", "a-1")
    builder.send("bob", "two", "b-1")
    builder.remove("ann", "cid")
    builder.read_events("cid")
    builder.send("ann", "three")
    builder.add("ann", "cid")
    builder.read_events("cid", after=1, limit=2)
    builder.read_messages("bob", limit=2)
    builder.mark_read("bob", 4)
    builder.repeat(builder.send("cid", "four", "c-1"))
    return builder
