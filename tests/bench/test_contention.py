"""Many messages in one conversation at once, within the limits of DynamoDB's partitions, in simulated time."""

import pytest
from botocore.exceptions import ClientError

from bench.contention import (
    LONG_CONTENT,
    Scale,
    flood,
    harness_for,
    highest_wave,
    hot_room,
    overload,
    report,
    siege,
    simulated,
)
from bench.retries import RetryingClient
from bench.simulation import Simulation
from bench.targets import Targets
from bench.workload import Run
from chalicelib.aws.dynamodb.log_items import event_to_item, queued_run_to_item
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.messages import DraftMessage, IdempotencyKey, QueuedRun
from local.dynamodb.sizes import item_size
from local.faults import FaultyClient, VirtualClock
from local.faults.engine import MemoryEngine
from local.faults.plans import RATE_EXCEEDED, Fault, always, nth

SMALL = Scale(senders=5, in_flight=5, messages=30, overload=60.0, seconds=0.5)


def assert_correct(run: Run, messages: int) -> None:
    """Check that all messages are in the log once, in order, and acknowledged."""
    assert (run.unacknowledged, run.faults.total) == (0, 0)
    assert len(run.acked) == messages


def test_flood_costs_at_most_12_calls_and_6_units_of_the_log_per_message() -> None:
    run = flood(100)
    assert_correct(run, 300)
    assert run.busy == 0
    assert run.per_message(sum(run.tally.calls.values())) <= 12
    assert run.per_message(run.tally.writes["C"]) <= 6
    assert run.tally.throttled == 0
    # One message of each member is sent directly; the others see at once that they overlap with it.
    assert run.tally.conflicts + run.tally.conditions <= 6
    assert max(run.latencies) < 1.5


def test_hot_room_with_events_of_1_kb_accepts_250_messages_a_second_within_the_limits() -> None:
    run = hot_room(100, 600, content=LONG_CONTENT)
    assert_correct(run, 600)
    assert run.rate >= 250
    assert run.busy == 0
    # Reads of the queue are far from its limit of 3,000 a second: at most 9 for each message at 333 a second.
    assert run.per_message(run.tally.reads["Q"]) < 6
    assert run.per_message(run.tally.writes["C"]) < 3
    assert run.per_message(run.tally.writes["Q"]) < 3.5


def test_long_content_is_as_long_as_an_event_of_1_kb_and_its_queued_run_can_be() -> None:
    def measure(time: Simulation) -> tuple[int, int]:
        harness = harness_for(time, 100, 1, content=LONG_CONTENT)
        (name,) = harness.participant_ids[-1:]
        harness.chat.messaging.sender.send(
            Principal(name, None), harness.conversation_id, harness.message(f"{name}:1000")
        )
        event = {**list(harness.log())[-1]}
        member = harness.member(name)
        stored = item_size(marshal_item(event_to_item(event, 1, "k" * 43)))
        del event["sequence_id"]
        key = IdempotencyKey(harness.conversation_id, name, f"{name}:1000")
        queued = QueuedRun("0" * 15 + "#" + "x" * 12, milliseconds(time), [DraftMessage(event, key)], member)
        return stored, item_size(marshal_item(queued_run_to_item(queued)))

    stored, queued = simulated(1, measure)
    assert 1000 <= stored <= 1024
    assert queued <= stored, "a queued message must not cost more than its event"


def test_overload_is_acknowledged_in_the_end() -> None:
    """In a region of a tenth of the capacity, which takes about 30 messages a second."""
    run = overload(100, 60, 3, write_units=100)
    assert_correct(run, len(run.acked))
    assert len(run.acked) > 150
    assert run.tally.throttled > 60
    assert run.busy > 10


def test_senders_that_are_sent_away_together_do_not_return_together() -> None:
    run = siege(100, 5)
    assert_correct(run, 500)
    assert run.busy > 50
    assert highest_wave(run.attempts, after=1) < 0.2


def test_highest_wave_is_the_largest_share_within_a_tenth_of_a_second() -> None:
    assert highest_wave([0.0, 0.5, 2.0, 2.05, 2.2, 2.3], after=1) == 0.5
    assert highest_wave([0.0, 0.5], after=1) == 0


def test_report_names_every_load_and_meets_the_targets_of_correctness() -> None:
    shown: list[str] = []
    targets = Targets()
    assert report(SMALL, shown.append, targets)
    text = "\n".join(shown)
    assert all(name in text for name in ("flood", "hot room", "1 KB", "without limits", "overload", "siege"))
    assert len(targets.results) == 5
    assert all(
        result.is_met for result in targets.results if result.name.startswith(("a flood", "and", "an over"))
    )


# ---- retries -----------------------------------------------------------------------------------------------

TABLE = "toys"


def retrying(plan_fault: Fault, calls: int | None) -> tuple[RetryingClient, VirtualClock]:
    clock = VirtualClock(0.0)
    plan = always(plan_fault) if calls is None else nth(calls, plan_fault)
    return RetryingClient(FaultyClient(MemoryEngine(TABLE), plan), clock), clock


def put(client: RetryingClient) -> None:
    client.put_item(TableName=TABLE, Item={"pk": {"S": "p"}, "sk": {"S": "s"}})


def test_throttled_call_is_tried_three_times_with_jitter() -> None:
    client, clock = retrying(RATE_EXCEEDED, None)
    with pytest.raises(ClientError):
        put(client)
    assert 0 < clock.now() <= 3
    client, clock = retrying(RATE_EXCEEDED, 1)
    put(client)
    assert 0 < clock.now() <= 1


def test_cancelled_transaction_is_not_tried_again() -> None:
    client, clock = retrying(RATE_EXCEEDED, 1)
    with pytest.raises(ClientError):
        client.transact_write_items(
            TransactItems=[{"Put": {"TableName": TABLE, "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}]
        )
    assert clock.now() == 0
