"""Short runs of what a message, a cold start and a page cost; and that they would notice."""

from __future__ import annotations

import json
import shutil

import pytest

from bench import cold, message, reading
from bench.__main__ import QUICK_MESSAGE, QUICK_READING
from bench.store_sink import StoreSink
from bench.targets import Targets
from chalicelib.awshttp import ServiceError


def test_a_message_takes_what_it_must_wait_for_and_says_so() -> None:
    said: list[str] = []
    assert message.report(QUICK_MESSAGE, said.append, Targets())
    assert "30 ms are necessary" in said[0]
    assert "boto3" in said[1]


def test_the_store_of_the_bench_speaks_as_dynamodb_does() -> None:
    with message.store(0, 0) as url:
        client = message.our_client(url)
        item = {"pk": {"S": "p"}, "sk": {"S": "s"}}
        put = {"TableName": "t", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        client.put_item(**put)
        assert client.get_item(TableName="t", Key=item)["Item"] == item
        with pytest.raises(ServiceError) as caught:
            client.transact_write_items(TransactItems=[{"Put": put}])
        assert caught.value.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed"


def test_a_transaction_takes_as_long_as_it_is_told_to() -> None:
    sink = StoreSink(0.004, 0.010, None)
    put = {"Put": {"TableName": "t", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}
    body = json.dumps({"TransactItems": [put]}).encode()
    seconds, answer = sink.answer(b"POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.TransactWriteItems", body)
    assert seconds == 0.010
    assert answer.startswith(b"HTTP/1.1 200")
    sink.close()


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is what counts")
def test_a_cold_start_is_counted_to_its_first_message() -> None:
    said: list[str] = []
    assert cold.report(cold.Scale(starts=1), said.append, Targets())
    text = "\n".join(said)
    assert "until the first message is out" in text
    assert "botocore" not in text
    assert "boto3" not in text


def test_pages_cost_the_same_however_much_there_is() -> None:
    said: list[str] = []
    assert reading.report(QUICK_READING, said.append, Targets())
    assert "at most 12 round trips; history costs the same" in said[-1]


def test_what_costs_more_than_its_limit_is_told() -> None:
    said: list[str] = []
    scale = reading.Scale(conversations=(10,), messages=(50,), limit_of_round_trips=1)
    assert not reading.report(scale, said.append, Targets())
    assert "MORE THAN 1" in said[-1]
