"""The cost of the feed: of `hello {feed}` with the first page of a long list, and of a message."""

from __future__ import annotations

import math

import pytest

from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import CreateConversation, SendMessage
from tests.invariants.harness import Harness, Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_costs import Bill, CapacityMeter
from tests.support.app_harness import principal

CONVERSATIONS, PAGE = 300, 50
ROSTER_UNIT = 4096


def crowd(count: int) -> Setup:
    people = ("alice", *(f"guest_{number}x" for number in range(count - 1)))
    return Setup(members=people, sockets=people, subscribed=())


def with_feeds(tables: Tables, count: int, limit: int) -> Harness:
    harness = tables.with_limits(activity_participants=limit).harness(crowd(count))
    for socket in harness.setup.sockets:
        harness.process(skew=-5.0).send_frame(socket, "hello", feed=True)
    return harness


def sends(process: Process) -> object:
    return process.send_message("alice", "hi", "k")


@pytest.mark.parametrize("count", [1, 2, 20, 100])
def test_message_costs_two_round_trips_more_and_a_read_unit_for_each_member(tables: Tables, count: int) -> None:
    without, harness = Bill(with_feeds(tables, count, 0), sends), with_feeds(tables, count, 100)
    bill = Bill(harness, sends)
    assert bill.rounds_at["message_ack"] == without.rounds_at["message_ack"], "after the acknowledgement"
    assert bill.rounds == without.rounds + 2
    assert bill.units.writes == without.units.writes, "no write for a member"
    roster = harness.process().app.stores.memberships.roster(harness.conversation)
    assert len(roster) == count
    size = sum(len(str(member)) for member in roster)
    assert bill.units.reads - without.units.reads <= count + math.ceil(size / ROSTER_UNIT) + 1
    posted = [post.frame["type"] for post in harness.posts if post.frame["type"] == "activity"]
    assert len(posted) == count


def test_own_message_behind_unread_ones_costs_one_more_unit_and_no_round_trip(tables: Tables) -> None:
    harnesses = [with_feeds(tables, 20, 100) for _ in range(2)]
    harnesses[1].process(skew=-4.0).post_message("guest_0x", "unread", "k0")
    usual, behind = (Bill(harness, sends) for harness in harnesses)
    assert behind.rounds == usual.rounds
    assert behind.units.reads == usual.units.reads + 1, "the read pointer of the sender"


def test_hello_with_a_feed_and_the_first_page_of_300_conversations(tables: Tables) -> None:
    tables = tables.with_limits(creation_burst=CONVERSATIONS, message_burst=CONVERSATIONS)
    harness = tables.harness(Setup(members=("alice",), sockets=(), subscribed=()))
    alice = principal(harness.participant_id("alice"))
    making = harness.process(skew=-5.0).app
    for number in range(CONVERSATIONS - 1):
        made = making.conversations.creation.create(alice, CreateConversation(title=f"number {number}"))
        message = SendMessage(content="x" * 3_500)
        making.messaging.sender.send(alice, made.response["conversation_id"], message)
    harness.late_sockets.add("alice")
    meter = CapacityMeter(tables.engine)
    process = harness.process(meter)
    process.connect("alice")
    process.send_frame("alice", "hello", feed=True)
    page = process.app.conversations.views.list(alice, ConversationsQuery(limit=str(PAGE)))
    assert len(page["conversations"]) == PAGE
    assert meter.writes <= 30, "with the connection itself"
    assert meter.reads <= 500
    print(f"{meter.writes} write units, {meter.reads} read units")  # noqa: T201 — shown with -rP
