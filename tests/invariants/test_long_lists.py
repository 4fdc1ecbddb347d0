"""Lists with more items than a page, live and expired: a page reads no more than documented, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.ids import invite_id
from chalicelib.core.protocol.queries import PageQuery
from chalicelib.core.protocol.requests import CreateInvite
from specs.read_limits import BASE, PER_NAMED
from tests.invariants.harness import Harness, Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_costs import CapacityMeter

MANY = 400
MINUTE = CreateInvite(expires_in=60)
LONG = "x" * 90
"""The end of ids: they are as long as ids of people often are."""

List = Callable[[Process, dict[str, str]], dict[str, Any]]


def bans(process: Process, query: dict[str, str]) -> dict[str, Any]:
    moderation, conversation_id = process.app.conversations.moderation, process.harness.conversation
    return moderation.bans(process.principal("alice"), conversation_id, PageQuery.model_validate(query))


def invites(process: Process, query: dict[str, str]) -> dict[str, Any]:
    listed, conversation_id = process.app.conversations.invites, process.harness.conversation
    return listed.list(process.principal("alice"), conversation_id, PageQuery.model_validate(query))


def pending(process: Process, query: dict[str, str]) -> dict[str, Any]:
    listed, conversation_id = process.app.conversations.pending, process.harness.conversation
    return listed.list_in(process.principal("alice"), conversation_id, PageQuery.model_validate(query))


def ban_many(process: Process) -> None:
    for number in range(MANY):
        process.ban("alice", f"{number:03}{LONG}")


def invite_many(process: Process) -> None:
    for _ in range(MANY):
        process.create_invite("alice")


def add_many(process: Process) -> None:
    for number in range(MANY):
        process.block(f"{number:03}{LONG}", "alice")
        process.add_participant("alice", f"{number:03}{LONG}")


LISTS: dict[str, tuple[List, str, Callable[[Process], None]]] = {
    "GET …/bans": (bans, "bans", ban_many),
    "GET …/invites": (invites, "invites", invite_many),
    "GET …/pending": (pending, "pending", add_many),
}


def harness_of(tables: Tables) -> Harness:
    limits = dict.fromkeys(("change_burst", "creation_burst", "addition_burst"), 10_000)
    return tables.with_limits(**limits).harness(Setup(members=("alice", "bob"), sockets=(), subscribed=()))


@pytest.mark.parametrize("limit", ["1", "100"])
@pytest.mark.parametrize("request_", LISTS)
def test_page_of_a_long_list_reads_no_more_than_documented(tables: Tables, request_: str, limit: str) -> None:
    page, name, fill = LISTS[request_]
    harness = harness_of(tables)
    fill(harness.process())
    meter = CapacityMeter(tables.engine)
    answer = page(harness.process(meter), {"limit": limit})
    assert len(answer[name]) == int(limit)
    assert meter.reads <= BASE + PER_NAMED


def test_page_of_invites_that_have_expired_reads_no_more_than_documented(tables: Tables) -> None:
    harness = harness_of(tables)
    process = harness.process()
    for _ in range(MANY):
        process.app.conversations.invites.create(process.principal("alice"), harness.conversation, MINUTE)
    invite = process.create_invite("alice")
    listed: list[dict[str, Any]] = []
    query = {"limit": "100"}
    while query:
        meter = CapacityMeter(tables.engine)
        answer = invites(harness.process(meter, skew=61), query)
        assert meter.reads <= BASE + PER_NAMED
        listed += answer["invites"]
        query = {"limit": "100", "cursor": answer["next_cursor"]} if "next_cursor" in answer else {}
    assert [each["invite_id"] for each in listed] == [invite_id(invite)]


def test_pending_members_after_expired_ones_are_listed(tables: Tables) -> None:
    harness = harness_of(tables)
    add_many(harness.process())
    later = harness.process(skew=harness.process().app.settings.timing.pending_lifetime + 1)
    later.block("late", "alice")
    later.add_participant("alice", "late")
    answer = pending(later, {"limit": "1"})
    assert [each["participant_id"] for each in answer["pending"]] == [later.principal("late").participant_id]
    assert "next_cursor" not in answer
