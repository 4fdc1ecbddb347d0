"""The stream of the embedded store: the records that it hands over, in which batches, and those it gives up."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import conversation_pk, event_sk
from chalicelib.aws.dynamodb.publishing_keys import WAKING_PREFIX, heartbeat_key
from chalicelib.aws.dynamodb.stream import FILTER, read_changes
from chalicelib.awshttp import ServiceError
from chalicelib.core.model.publishing import DEPLOYMENT_LOG
from local.dynamodb.client import EngineClient
from local.dynamodb.engine import Engine
from local.dynamodb.sqlite_storage import SqliteStorage
from local.settings import chat_settings
from local.stream import MappingSettings, Stream, matches
from local.tables import ensure_tables, read_tables

Json = dict[str, Any]
TABLE = "chat-local-conversations"
TIMEOUT = 20.0


class Collector:
    """A function that keeps the records it gets, and fails for those of some conversations."""

    def __init__(self, failing: Callable[[Json], bool] = lambda _record: False) -> None:
        self.calls: list[list[Json]] = []
        self.received: list[Json] = []
        self.notes: list[Json] = []
        self._failing = failing
        self._changed = threading.Condition()

    def __call__(self, event: Json, _context: object) -> None:
        with self._changed:
            self.calls.append(event["Records"])
            self._changed.notify_all()
            if any(self._failing(record) for record in event["Records"]):
                raise RuntimeError
            self.received += event["Records"]

    def give_up(self, note: str) -> None:
        with self._changed:
            self.notes.append(json.loads(note))
            self._changed.notify_all()

    def received_keys(self) -> list[tuple[str, str]]:
        return [key_of(record) for record in self.received]

    def until(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT)


def key_of(record: Json) -> tuple[str, str]:
    keys = record["dynamodb"]["Keys"]
    return keys["pk"]["S"], keys["sk"]["S"]


@pytest.fixture
def engine() -> Engine:
    engine = Engine(SqliteStorage())
    settings = chat_settings({})
    ensure_tables(EngineClient(engine, ServiceError), read_tables(settings))
    return engine


def put(engine: Engine, pk: str, sk: str, **attributes: Json) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": sk}, **attributes}
    engine.call("PutItem", {"TableName": TABLE, "Item": item})


def put_event(engine: Engine, conversation_id: str, sequence_id: int) -> None:
    put(engine, conversation_pk(conversation_id), event_sk(sequence_id))


def stream(engine: Engine, collector: Collector, **changed: Any) -> Stream:
    arrange = {"arrange": changed.pop("arrange")} if "arrange" in changed else {}
    settings = MappingSettings(FILTER, retry_seconds=0.0, **changed)
    return Stream(collector, engine.feed, TABLE, collector.give_up, settings, **arrange)


def test_inserted_events_are_handed_over_without_their_contents(engine: Engine) -> None:
    collector = Collector()
    with stream(engine, collector):
        put(engine, conversation_pk("a"), event_sk(1), content={"S": "secret"})
        collector.until(lambda: collector.received)
    (record,) = collector.received
    assert record["eventName"] == "INSERT" and record["dynamodb"]["StreamViewType"] == "KEYS_ONLY"
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "C#a"}, "sk": {"S": event_sk(1)}}
    assert "secret" not in json.dumps(record)


def test_only_what_wakes_the_publisher_passes_the_filter(engine: Engine) -> None:
    collector = Collector()
    with stream(engine, collector):
        put_event(engine, "a", 1)
        put(engine, conversation_pk("a"), event_sk(1), edited={"BOOL": True})
        put(engine, conversation_pk("a"), "HEAD")
        put(engine, "U#alice", "C#a")
        engine.call("DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": "C#a"}, "sk": {"S": event_sk(1)}}})
        put(engine, *heartbeat_key(1_800_000_000_000))
        put(engine, f"{WAKING_PREFIX}{DEPLOYMENT_LOG}", "E#1")
        put_event(engine, "b", 1)
        collector.until(lambda: len(collector.received) == 4)
    assert [pk for pk, _ in collector.received_keys()] == ["C#a", "W#heartbeat", "W#deployment", "C#b"]
    assert read_changes({"Records": collector.received}) == (("a", "deployment", "b"), 1_800_000_000_000, 0)


def test_failing_batch_is_halved_until_the_rest_has_passed(engine: Engine) -> None:
    collector = Collector(lambda record: key_of(record)[0] == conversation_pk("bad"))
    puts = [
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": conversation_pk(name)}, "sk": {"S": event_sk(number)}}}}
        for number, name in enumerate(("good", "good", "good", "bad", "good", "good", "good"), 1)
    ]
    with stream(engine, collector, attempts=6):
        engine.call("TransactWriteItems", {"TransactItems": puts})
        collector.until(lambda: len(collector.notes) == 2 and len(collector.received) == 6)
    assert sorted(sk for _, sk in collector.received_keys()) == [event_sk(n) for n in (1, 2, 3, 5, 6, 7)]
    start, given_up = collector.notes
    assert start["DDBStreamBatchInfo"]["batchSize"] == 0, "each start asks for a walk"
    assert given_up["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert given_up["DDBStreamBatchInfo"]["batchSize"] == 1
    assert "bad" not in json.dumps(given_up), "a note names no conversation"


def test_stopped_stream_hands_nothing_over(engine: Engine) -> None:
    collector = Collector()
    with stream(engine, collector):
        collector.until(lambda: collector.notes)
    put_event(engine, "a", 1)
    assert not engine.feed.has_subscribers and collector.received == []


def test_records_may_be_split_repeated_and_reordered(engine: Engine) -> None:
    def disorder(records: Sequence[Json]) -> Iterator[Sequence[Json]]:
        yield from ([record] for record in reversed(records))
        yield records

    collector = Collector()
    with stream(engine, collector, arrange=lambda records: list(disorder(records))):
        for number in range(1, 4):
            put_event(engine, "a", number)
        collector.until(lambda: len(collector.received) == 6)
    assert set(collector.received_keys()) == {(conversation_pk("a"), event_sk(n)) for n in (1, 2, 3)}


def test_filter_compares_values_and_prefixes() -> None:
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "C#"}, {"prefix": "W#"}]}}}}
    outcomes = {
        (name, pk): matches(pattern, {"eventName": name, "dynamodb": {"Keys": {"pk": {"S": pk}}}})
        for name, pk in itertools.product(("INSERT", "MODIFY"), ("C#a", "W#a", "O#C#a"))
    }
    assert {key for key, found in outcomes.items() if found} == {("INSERT", "C#a"), ("INSERT", "W#a")}
    assert not matches(pattern, {"eventName": "INSERT", "dynamodb": {}})
