"""Lists with more items than a page, live and expired: a page reads no more than documented, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.pending_items import pending_to_items
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.core.kernel.ids import invite_id
from chalicelib.core.kernel.text import MAX_NAME_LENGTH, MAX_PARTICIPANT_ID_LENGTH
from chalicelib.core.model.consent import PendingMembership
from chalicelib.core.protocol.queries import PageQuery
from chalicelib.core.protocol.requests import CreateInvite
from local.dynamodb.sizes import item_size
from specs.read_limits import BASE, PAGE_UNITS, PER_NAMED
from tests.invariants.harness import Harness, Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_costs import CapacityMeter
from tests.support.fakes import START_TIME

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


@pytest.mark.parametrize("expired", [False, True], ids=["live", "expired"])
def test_page_of_the_largest_entries_reads_no_more_than_documented(tables: Tables, expired: bool) -> None:
    """Of all lists, pending memberships have the largest ones: the title, and names that others give."""
    harness = harness_of(tables)
    process = harness.process()
    now = int(START_TIME * 1000)
    wide = "😀" * MAX_NAME_LENGTH
    for number in range(MANY):
        entry = PendingMembership(
            conversation_id=harness.conversation,
            participant_id=f"{number:03}".ljust(MAX_PARTICIPANT_ID_LENGTH, "x"),
            name=wide,
            role="moderator",
            adder_id="a" * MAX_PARTICIPANT_ID_LENGTH,
            adder_name=wide,
            adder_type="human",
            adder_epoch=10**6,
            title="😀" * process.app.settings.limits.title_characters,
            added_at=now,
            expires_at=now // 1000 + (-1 if expired else 60),
            at_head=10**6,
        )
        own, item = pending_to_items(entry, is_visible=True)
        assert item_size(marshal_item(item)) <= item_size(marshal_item(own)) <= 2_650
        tables.engine.put_item(TableName=tables.conversations_table, Item=marshal_item(item))
    meter = CapacityMeter(tables.engine)
    answer = pending(harness.process(meter), {"limit": "100"})
    assert len(answer["pending"]) == (0 if expired else 100)
    assert "next_cursor" in answer
    assert meter.reads <= BASE + PER_NAMED + PAGE_UNITS


def pages(harness: Harness, request: str, limit: str, skew: float) -> tuple[list[dict[str, Any]], int]:
    """Return all entries of a list, and how many pages it has. No page reads more than documented."""
    page, name, _ = LISTS[request]
    listed: list[dict[str, Any]] = []
    query, count = {"limit": limit}, 0
    while query:
        meter = CapacityMeter(harness.tables.engine)
        answer = page(harness.process(meter, skew=skew), query)
        assert meter.reads <= BASE + PER_NAMED
        assert len(answer[name]) <= int(limit)
        listed += answer[name]
        query = {"limit": limit, "cursor": answer["next_cursor"]} if "next_cursor" in answer else {}
        count += 1
    return listed, count


def test_page_of_invites_that_have_expired_reads_no_more_than_documented(tables: Tables) -> None:
    harness = harness_of(tables)
    process = harness.process()
    for _ in range(MANY):
        process.app.conversations.invites.create(process.principal("alice"), harness.conversation, MINUTE)
    invite = process.create_invite("alice")
    listed, _ = pages(harness, "GET …/invites", "100", skew=61)
    assert [each["invite_id"] for each in listed] == [invite_id(invite)]


@pytest.mark.parametrize("limit", ["1", "100"])
def test_page_of_pending_members_that_have_expired_reads_no_more_than_documented(
    tables: Tables, limit: str
) -> None:
    harness = harness_of(tables)
    add_many(harness.process())
    skew = harness.process().app.settings.timing.pending_lifetime + 1
    later = harness.process(skew=skew)
    later.block("late", "alice")
    later.add_participant("alice", "late")
    listed, count = pages(harness, "GET …/pending", limit, skew)
    assert [each["participant_id"] for each in listed] == [later.principal("late").participant_id]
    assert count <= MANY // 100 + 1, "a page with a low limit reads beyond some that have expired"
