"""The duration of calls, and the point of their effect."""

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.faults.calls import Call
from local.faults.clock import MonotonicClock, VirtualClock
from local.faults.region import NO_LATENCY, TYPICAL_LATENCY, Latency, RegionClient
from local.faults.seeded import seeded_choice, seeded_fraction
from tests.faults.toys import Hooked, Partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_call_takes_4_ms_a_transaction_10_ms_with_the_effect_in_the_middle(
    dynamodb: "DynamoDBClient", partition: Partition
) -> None:
    clock = VirtualClock(start=0.0)
    effects: list[float] = []
    client = RegionClient(Hooked(dynamodb, lambda call: effects.append(clock.now())), clock=clock)
    client.put_item(**partition.put("a", 1))
    assert clock.now() == pytest.approx(0.004)
    client.transact_write_items(TransactItems=[{"Update": partition.add("a")}])
    assert clock.now() == pytest.approx(0.014)
    assert partition.read(client, "a") == 2
    partition.contents(client)
    assert clock.now() == pytest.approx(0.022)
    assert effects == pytest.approx([0.002, 0.009, 0.016, 0.020])


def test_failed_call_takes_as_long(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    clock = VirtualClock(start=0.0)
    client = RegionClient(dynamodb, clock=clock)
    client.put_item(**partition.put("a"))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(**partition.put("a", ConditionExpression="attribute_not_exists(pk)"))
    assert clock.now() == pytest.approx(0.008)


def test_latency_is_not_added_to_a_slow_engine(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    clock = VirtualClock(start=0.0)
    client = RegionClient(Hooked(dynamodb, lambda call: clock.sleep(1.0)), clock=clock)
    client.put_item(**partition.put("a"))
    assert clock.now() == pytest.approx(1.002)


def test_point_of_effect_and_durations_are_configurable(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    clock = VirtualClock(start=0.0)
    effects: list[float] = []
    engine = Hooked(dynamodb, lambda call: effects.append(clock.now()))
    late = RegionClient(engine, latency=Latency(call=1.0, transaction=5.0, effect_at=0.9), clock=clock)
    late.put_item(**partition.put("a"))
    late.transact_write_items(TransactItems=[{"Update": partition.add("a")}])
    assert effects == pytest.approx([0.9, 5.5])
    RegionClient(engine, latency=NO_LATENCY, clock=clock).put_item(**partition.put("a"))
    assert clock.now() == pytest.approx(6.0)


def test_jitter_is_bounded_and_reproducible() -> None:
    latency = Latency(call=0.010, jitter=0.2)
    calls = [Call(number, "get_item", {}) for number in range(1, 101)]
    drawn = [latency.seconds(call, seed=1) for call in calls]
    assert all(0.008 <= seconds <= 0.012 for seconds in drawn)
    assert len(set(drawn)) > 90
    assert drawn == [latency.seconds(call, seed=1) for call in calls]
    assert drawn != [latency.seconds(call, seed=2) for call in calls]
    assert TYPICAL_LATENCY.seconds(calls[0], seed=1) == TYPICAL_LATENCY.seconds(calls[1], seed=2) == 0.004


def test_seeded_fraction_is_uniform_and_pure() -> None:
    drawn = [seeded_fraction(5, "purpose", n) for n in range(2000)]
    assert drawn == [seeded_fraction(5, "purpose", n) for n in range(2000)]
    assert all(0 <= number < 1 for number in drawn)
    tenths = [sum(int(number * 10) == tenth for number in drawn) for tenth in range(10)]
    assert min(tenths) > 140
    assert {seeded_choice("abc", 5, n) for n in range(50)} == set("abc")
    with pytest.raises(ValueError, match="no options to choose from"):
        seeded_choice([], 5)


def test_latency_uses_the_monotonic_clock_by_default(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    clock = MonotonicClock()
    began = clock.now()
    with pytest.raises(ClientError):
        RegionClient(dynamodb, latency=Latency(call=0.03)).get_item(
            TableName="no-such-table", Key=partition.key("a").attributes()
        )
    assert clock.now() - began >= 0.03


def test_virtual_clock_advances_only_by_sleeping() -> None:
    clock = VirtualClock(start=100.0)
    assert clock.now() == clock.now() == 100.0
    clock.sleep(2.5)
    assert clock.now() == 102.5
    with pytest.raises(ValueError, match="negative time"):
        clock.sleep(-1)
