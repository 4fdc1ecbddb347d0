"""Reading records of the stream: which conversations they wake, whatever their order, number and shape."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import conversation_pk, event_sk
from chalicelib.aws.dynamodb.publishing_keys import WAKING_PREFIX, cursor_key, heartbeat_key
from chalicelib.aws.dynamodb.stream import read_changes
from chalicelib.core.model.publishing import DEPLOYMENT_LOG

Json = dict[str, Any]


def record(pk: Any, sk: Any) -> Json:
    keys = {"pk": {"S": pk}, "sk": {"S": sk}}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "StreamViewType": "KEYS_ONLY"}}


def event(conversation_id: str, sequence_id: int) -> Json:
    return record(conversation_pk(conversation_id), event_sk(sequence_id))


def test_each_conversation_is_woken_once() -> None:
    records = [event("a", 1), event("b", 1), event("a", 2), event("a", 1)]
    assert read_changes({"Records": records}) == (("a", "b"), 0, 0)


def test_order_and_number_of_records_do_not_matter() -> None:
    records = [event(name, number) for name in "abc" for number in range(1, 6)]
    shuffled = random.Random(19).sample(records * 2, len(records) * 2)
    assert sorted(read_changes({"Records": shuffled}).conversation_ids) == ["a", "b", "c"]


def test_entries_of_the_deployment_log_wake_it() -> None:
    records = [record(f"{WAKING_PREFIX}{DEPLOYMENT_LOG}", "E#1800000000000#x")]
    assert read_changes({"Records": records}).conversation_ids == (DEPLOYMENT_LOG,)


def test_newest_heartbeat_is_returned() -> None:
    records = [record(*heartbeat_key(time)) for time in (7, 9, 8)]
    assert read_changes({"Records": [event("a", 1), *records]}) == (("a",), 9, 0)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"dynamodb": {}},
        {"dynamodb": {"Keys": {"pk": {"S": "C#a"}}}},
        {"dynamodb": {"Keys": {"pk": {"S": "C#a"}, "sk": {"N": "1"}}}},
        {"dynamodb": None},
        None,
        record(None, event_sk(1)),
        record(conversation_pk("a"), 7),
        record("W#heartbeat", "E#soon"),
        record("U#alice", event_sk(1)),
        record(*cursor_key("a", "e")),
        record(conversation_pk("a"), "HEAD"),
    ],
    ids=repr,
)
def test_record_that_cannot_be_read_does_not_stop_the_others(broken: Any) -> None:
    assert read_changes({"Records": [event("a", 1), broken, event("b", 1)]}) == (("a", "b"), 0, 1)


def test_no_records_wake_nothing() -> None:
    assert read_changes({"Records": []}) == ((), 0, 0)
