"""Short runs of the benchmarks of messages, cold starts and reading, including exceeded limits."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from bench import cold, message, reading, subscribed_conversation
from bench.__main__ import QUICK_MESSAGE, QUICK_READING
from bench.harness import CONVERSATIONS
from bench.store_sink import StoreSink
from bench.targets import Targets
from chalicelib.awshttp import ServiceError


def test_message_report_states_the_minimum_latency() -> None:
    output: list[str] = []
    assert message.report(QUICK_MESSAGE, output.append, Targets())
    assert "the minimum is 30 ms" in output[0]
    assert "boto3" in output[1]


def test_store_sink_speaks_the_dynamodb_protocol() -> None:
    with subscribed_conversation.store_process(0, 0) as url:
        client = subscribed_conversation.product_client(url)
        item = {"pk": {"S": "p"}, "sk": {"S": "s"}}
        put = {"TableName": CONVERSATIONS, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        client.put_item(**put)
        assert client.get_item(TableName=CONVERSATIONS, Key=item)["Item"] == item
        with pytest.raises(ServiceError) as caught:
            client.transact_write_items(TransactItems=[{"Put": put}])
        assert caught.value.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed"


def test_store_sink_delays_transactions_as_configured() -> None:
    sink = StoreSink(0.004, 0.010, None)
    put = {"Put": {"TableName": CONVERSATIONS, "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}
    body = json.dumps({"TransactItems": [put]}).encode()
    seconds, answer = sink.respond(b"POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.TransactWriteItems", body)
    assert seconds == 0.010
    assert answer.startswith(b"HTTP/1.1 200")
    sink.close()


@pytest.mark.skipif(not os.environ.get("CHAT_BENCH_WHOLE"), reason="takes long: part of make test-all")
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="requires valgrind")
def test_cold_start_is_measured_until_the_first_message() -> None:
    output: list[str] = []
    assert cold.report(cold.Scale(processes=1), output.append, Targets())
    text = "\n".join(output)
    assert "product, first message posted" in text
    assert "botocore" not in text
    assert "boto3" not in text


def test_cost_of_a_page_is_independent_of_the_amount_of_data() -> None:
    output: list[str] = []
    assert reading.report(QUICK_READING, output.append, Targets())
    assert "at most 12 round trips; the cost of history is independent of" in output[-1]


def test_exceeded_limit_fails_the_report() -> None:
    output: list[str] = []
    scale = reading.Scale(conversations=(10,), messages=(50,), max_round_trips=1)
    assert not reading.report(scale, output.append, Targets())
    assert "MORE THAN 1" in output[-1]
