"""What a message costs: calls to the store counted, and how many of them come one after the other."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.core.gather import in_threads
from chalicelib.core.pushes import Answer
from local.faults import Latency, in_front_of
from local.faults.recording import Journal
from tests.laws.memory import MemoryStore
from tests.laws.world import Process, Shape, Stage, World

# Long enough that calls made together overlap, whatever else the machine does.
SLOW = Latency(call=0.03, transaction=0.03)


def listeners(count: int) -> Shape:
    """Alice, and bob with as many sockets."""
    sockets = ("alice", *(f"bob{number}" for number in range(count)))
    return Shape(people=("alice", "bob"), sockets=sockets, listening=sockets)


def watched(world: World, latency: Latency = SLOW) -> tuple[Process, Journal]:
    """A process whose calls take time and are written down."""
    journal = Journal()
    client = in_front_of(world.stage.engine, latency=latency, half_visible=0, journal=journal)
    return world.process(client, gather=in_threads), journal


def said(process: Process, **fields: Any) -> tuple[dict[str, Any], Any]:
    """A message of alice's socket, up to the moment when its answer can go out."""
    frame = {"type": "message", "conversation_id": process.world.conversation, "content": "hi", **fields}
    reply = process.app.sockets.receive(process.world.connection("alice"), json.dumps(frame))
    (answer,) = reply.answers
    assert answer["type"] == "message_ack", answer
    return answer, reply


@pytest.mark.parametrize("count", [1, 10, 50])
def test_an_accepted_message_costs_five_calls_and_one_query_for_its_recipients(stage: Stage, count: int) -> None:
    world = stage.world(listeners(count))
    process, journal = watched(world)
    _, reply = said(process, client_message_id="1")
    # Socket and head; membership and rate; the transaction.
    assert journal.counts() == Counter({"get_item": 3, "update_item": 1, "transact_write_items": 1})
    assert journal.sequential_depth() == 3
    journal.clear()
    process.app.delivery.deliver(reply.pushes, within=5, answer=Answer("alice", reply.generation, reply.answers))
    assert journal.counts() == Counter({"query": 1})
    assert sum(len(world.events_posted(f"bob{number}")) for number in range(count)) == count


def test_in_a_burst_the_payment_is_beside_the_transaction(stage: Stage) -> None:
    world = stage.world(listeners(1))
    process, journal = watched(world)
    said(process, client_message_id="1")
    journal.clear()
    said(process, client_message_id="2")
    assert journal.counts() == Counter({"get_item": 3, "update_item": 2, "transact_write_items": 1})
    assert journal.sequential_depth() == 3


def test_what_a_message_refers_to_is_looked_at_in_the_same_round(stage: Stage) -> None:
    world = stage.world(listeners(1))
    process, journal = watched(world)
    ack, _ = said(process, client_message_id="1")
    journal.clear()
    said(process, client_message_id="2", reply_to=ack["sequence_id"], mentions=[world.person("bob")])
    assert journal.counts()["get_item"] == 4
    assert journal.counts()["batch_get_item"] == 1
    assert journal.sequential_depth() == 3


def test_a_message_by_http_takes_two_round_trips_before_it_stands(stage: Stage) -> None:
    world = stage.world(listeners(10))
    process, journal = watched(world)
    process.sends("alice", "hi", "1")
    assert journal.counts() == Counter({"get_item": 2, "update_item": 1, "transact_write_items": 1, "query": 1})
    assert journal.sequential_depth("get_item", "update_item", "transact_write_items") == 2


def test_a_repeat_costs_one_read_more_and_writes_nothing(stage: Stage) -> None:
    world = stage.world(listeners(1))
    process, journal = watched(world)
    first, _ = said(process, client_message_id="1")
    journal.clear()
    again, _ = said(process, client_message_id="1")
    assert again == {**first, "duplicate": True}
    assert journal.counts()["transact_write_items"] == 1
    # The event, and the head for the notes about who has gone: both are read again for the repeated fan-out.
    assert journal.counts()["get_item"] == 5


@pytest.mark.parametrize("messages", [0, 90])
def test_unread_counts_and_lists_cost_the_same_however_much_was_said(stage: Stage, messages: int) -> None:
    world = stage.world(listeners(1))
    talking = world.process()
    for number in range(messages):
        talking.sends("alice", f"message {number}")
    process, journal = watched(world, Latency(0, 0))
    (listed,) = process.listing("bob")
    assert listed["unread_count"] == messages
    # Memberships; heads; info and newest message; memberships again.
    assert journal.counts() == Counter({"query": 1, "batch_get_item": 3})
    journal.clear()
    process.read("bob", 1)
    assert journal.counts() == Counter({"get_item": 2})


def test_a_list_of_many_conversations_is_read_in_batches_all_at_once() -> None:
    stage = Stage(MemoryStore(), "conversations", "connections")
    world = stage.world(listeners(1))
    talking = world.process()
    for _ in range(249):
        talking.create("alice")
    process, journal = watched(world)
    assert len(process.listing("alice")) == 50
    # Memberships; three requests for 250 heads at the same time; 50 infos; memberships again.
    assert journal.counts() == Counter({"query": 1, "batch_get_item": 5})
    assert journal.sequential_depth() == 4
