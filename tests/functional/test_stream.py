"""From the stream to a consumer: records that are reordered, split, repeated and lost, and functions that fail."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from chalicelib.aws.dynamodb.stream import FILTER
from chalicelib.core.kernel.errors import Unavailable
from local.dynamodb.feed import Commit
from local.stream import matches, record_of
from tests.support.publishing import PublishingHarness

Json = dict[str, Any]
TABLE = "conversations"
HOUR = 3600


class Streamed:
    """A harness whose stream a test hands over as it likes."""

    def __init__(self) -> None:
        self.harness = PublishingHarness()
        self.records: list[Json] = []
        self.harness.store.engine.feed.subscribe(self._accept)
        self.harness.add_endpoint()

    def _accept(self, commit: Commit) -> None:
        found = [record_of(change, commit, TABLE) for change in commit.changes if change.table.name == TABLE]
        self.records += [record for record in found if matches(FILTER, record)]

    def write(self, chance: random.Random, count: int) -> dict[str, int]:
        """Create conversations and send messages in turn; return their heads."""
        heads = {self.harness.create_conversation("alice"): 1 for _ in range(3)}
        for _ in range(count):
            conversation_id = chance.choice(list(heads))
            self.harness.send_message("alice", conversation_id)
            heads[conversation_id] += 1
        return heads

    def publish(self, records: Sequence[Json]) -> None:
        """Do what the function of the stream does."""
        publishing = self.harness.publishing
        changes = publishing.read_changes({"Records": list(records)})
        publishing.wake_ups.wake(changes.conversation_ids)
        if changes.heartbeat:
            publishing.heartbeat.received(changes.heartbeat)

    def take(self) -> list[Json]:
        """Return the records that were not handed over yet."""
        taken, self.records = self.records, []
        return taken

    def received(self, conversation_ids: Iterable[str]) -> dict[str, list[int]]:
        """Return the sequence ids that the consumer has; it checks their order."""
        return {name: self.harness.sink.received("end_1", name) for name in conversation_ids}


def complete(heads: dict[str, int]) -> dict[str, list[int]]:
    return {name: list(range(1, head + 1)) for name, head in heads.items()}


@pytest.fixture
def streamed() -> Streamed:
    return Streamed()


def disordered(records: list[Json], chance: random.Random) -> list[list[Json]]:
    """Return batches with each record at least once, in any order."""
    repeated = records + chance.sample(records, len(records) // 2)
    chance.shuffle(repeated)
    batches = []
    while repeated:
        size = chance.randint(1, 7)
        batches.append(repeated[:size])
        repeated = repeated[size:]
    return batches


@pytest.mark.parametrize("seed", range(5))
def test_reordered_split_and_repeated_records_change_nothing(streamed: Streamed, seed: int) -> None:
    chance = random.Random(seed)
    heads = streamed.write(chance, 25)
    for batch in disordered(streamed.take(), chance):
        streamed.publish(batch)
        if chance.random() < 0.5:
            streamed.harness.run_due()
    streamed.harness.run_due()
    assert streamed.received(heads) == complete(heads)


@pytest.mark.parametrize("seed", range(5))
def test_next_record_of_a_conversation_makes_up_for_lost_ones(streamed: Streamed, seed: int) -> None:
    chance = random.Random(seed)
    heads = streamed.write(chance, 25)
    last = {record["dynamodb"]["Keys"]["pk"]["S"]: record for record in streamed.take()}
    streamed.publish(list(last.values()))
    streamed.harness.run_due()
    assert streamed.received(heads) == complete(heads)


def test_stream_that_stops_for_a_day_is_made_up_for_by_a_walk(streamed: Streamed) -> None:
    harness, chance = streamed.harness, random.Random(19)
    harness.publishing.sweep.run(30)
    streamed.publish(streamed.take())
    heads = streamed.write(chance, 25)
    streamed.take()
    for _ in range(19):
        harness.clock.advance(HOUR)
        harness.publishing.sweep.run(30)
        streamed.take()
    harness.run_due()
    assert not any(streamed.received(heads).values()), "only a walk can find them, and none is due"
    for _ in range(6):
        harness.clock.advance(HOUR)
        harness.publishing.sweep.run(30)
        streamed.take()
    harness.run_due()
    assert streamed.received(heads) == complete(heads)


def test_stream_that_works_needs_no_walk(streamed: Streamed) -> None:
    harness = streamed.harness
    harness.publishing.sweep.run(30)
    streamed.publish(streamed.take())
    for _ in range(48):
        harness.clock.advance(HOUR)
        harness.publishing.sweep.run(30)
        streamed.publish(streamed.take())
    assert not harness.publishing.heartbeat.is_stale()


def test_batch_that_failed_is_repeated_without_a_gap(streamed: Streamed) -> None:
    heads = streamed.write(random.Random(19), 10)
    batch = streamed.take()
    streamed.harness.deliveries.is_down = True
    with pytest.raises(Unavailable):
        streamed.publish(batch)
    streamed.harness.deliveries.is_down = False
    streamed.publish(batch)
    streamed.harness.run_due()
    assert streamed.received(heads) == complete(heads)


def test_batch_that_was_given_up_is_made_up_for_by_its_note(streamed: Streamed) -> None:
    heads = streamed.write(random.Random(19), 10)
    streamed.take()
    streamed.harness.publishing.walk.request_now(45)
    streamed.harness.run_due()
    assert streamed.received(heads) == complete(heads)
