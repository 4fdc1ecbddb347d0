"""The product's client of DynamoDB and botocore's behave alike: responses, errors, retries."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.aws.dynamodb.errors import error_response, is_no_response
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from tests.support.engine import REGION, TOY_TABLE, create_tables, running_engine
from tests.support.raw_peer import CUT, RawPeer, Say, raw_peer

CREDENTIALS = StaticCredentials("testing", "testing", None)
Create = Callable[[str], Any]


def our_client(url: str) -> DynamoClient:
    service = AwsJsonClient(url, "dynamodb", TARGET, REGION, lambda: CREDENTIALS, SystemClock(), TlsContext())
    return DynamoClient(service)


def botocore_client(url: str) -> Any:
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    session = boto3.Session(CREDENTIALS.access_key, CREDENTIALS.secret_key, region_name=REGION)
    return session.client("dynamodb", endpoint_url=url, config=config)


@pytest.fixture(params=[our_client, botocore_client], ids=["ours", "botocore's"])
def create(request: pytest.FixtureRequest) -> Create:
    create: Create = request.param
    return create


@pytest.fixture(scope="module")
def engine_table(pytestconfig: pytest.Config) -> tuple[str, str]:
    """Return the URL of an engine, and the name of a table in it."""
    engine = running_engine(pytestconfig)
    return engine.url, create_tables(engine.client(), {"ToyTable": TOY_TABLE})["ToyTable"]


class Partition:
    """A new partition of the table, and a client."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table
        self.pk = uuid.uuid4().hex

    def key(self, sk: str) -> dict[str, Any]:
        return {"pk": {"S": self.pk}, "sk": {"S": sk}}

    def put(self, sk: str, **more: Any) -> dict[str, Any]:
        item = {**self.key(sk), "n": {"N": "1"}, "t": {"S": "grüß 👋"}, "b": {"BOOL": True}, "m": {"M": {}}}
        return {"TableName": self.table, "Item": item, **more}

    def get(self, sk: str) -> Any:
        response = self.client.get_item(TableName=self.table, Key=self.key(sk), ConsistentRead=True)
        return response.get("Item")


@pytest.fixture
def partition(create: Create, engine_table: tuple[str, str]) -> Partition:
    url, table = engine_table
    return Partition(create(url), table)


def error_of(call: Callable[[], object]) -> dict[str, Any]:
    """Return the response that the error of a call carries."""
    with pytest.raises(Exception) as caught:
        call()
    response = error_response(caught.value)
    assert response is not None
    return dict(response)


# ---- against an engine ---------------------------------------------------------------------------------


def test_item_is_read_as_it_was_written(partition: Partition) -> None:
    partition.client.put_item(**partition.put("a"))
    assert partition.get("a") == partition.put("a")["Item"]
    assert partition.get("b") is None


def test_update_and_delete_return_the_old_item(partition: Partition) -> None:
    partition.client.put_item(**partition.put("a"))
    old = {"TableName": partition.table, "Key": partition.key("a"), "ReturnValues": "ALL_OLD"}
    change = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "2"}}}
    assert partition.client.update_item(**old, **change)["Attributes"]["n"] == {"N": "1"}
    assert partition.client.delete_item(**old)["Attributes"]["n"] == {"N": "2"}
    assert "Attributes" not in partition.client.delete_item(**old)


def test_query_returns_page_after_page(partition: Partition) -> None:
    for sk in "abc":
        partition.client.put_item(**partition.put(sk))
    query = {
        "TableName": partition.table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": partition.pk}},
        "Limit": 2,
    }
    first = partition.client.query(**query)
    assert [item["sk"]["S"] for item in first["Items"]] == ["a", "b"]
    second = partition.client.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["sk"]["S"] for item in second["Items"]] == ["c"]


def test_batches_write_and_read_several_items(partition: Partition) -> None:
    puts = [{"PutRequest": {"Item": partition.put(sk)["Item"]}} for sk in "abc"]
    written = partition.client.batch_write_item(RequestItems={partition.table: puts})
    assert not written.get("UnprocessedItems")
    keys = {"Keys": [partition.key(sk) for sk in "abcd"], "ConsistentRead": True}
    found = partition.client.batch_get_item(RequestItems={partition.table: keys})
    assert sorted(item["sk"]["S"] for item in found["Responses"][partition.table]) == ["a", "b", "c"]
    assert not found.get("UnprocessedKeys")


def test_failed_condition_returns_the_item_that_was_there(partition: Partition) -> None:
    partition.client.put_item(**partition.put("a"))
    conditional = partition.put(
        "a", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"
    )
    response = error_of(lambda: partition.client.put_item(**conditional))
    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert response["Error"]["Message"]
    assert response["Item"] == partition.put("a")["Item"]


def test_cancelled_transaction_has_a_reason_for_each_operation(partition: Partition) -> None:
    partition.client.put_item(**partition.put("a"))
    condition = {
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    operations = [{"Put": partition.put("b")}, {"Put": partition.put("a", **condition)}]
    response = error_of(lambda: partition.client.transact_write_items(TransactItems=operations))
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert response["CancellationReasons"][1]["Item"] == partition.put("a")["Item"]
    assert partition.get("b") is None


def test_transaction_is_executed(partition: Partition) -> None:
    partition.client.transact_write_items(TransactItems=[{"Put": partition.put(sk)} for sk in "ab"])
    assert partition.get("b") is not None


def test_invalid_call_is_rejected(partition: Partition) -> None:
    response = error_of(lambda: partition.client.get_item(TableName="no-such-table", Key=partition.key("a")))
    assert response["Error"]["Code"] == "ResourceNotFoundException"


# ---- against a peer that misbehaves --------------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with raw_peer() as peer:
        yield peer


def say(status: int, content: object) -> Say:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Say(head.encode() + body)


def say_error(code: str, status: int = 400) -> Say:
    return say(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"})


FOUND = say(200, {"Item": {"pk": {"S": "p"}}})
THROTTLED = say_error("ProvisionedThroughputExceededException")


def get(client: Any) -> Any:
    return client.get_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "s"}}).get("Item")


@pytest.mark.parametrize(
    "failures",
    [
        [CUT],
        [THROTTLED],
        [say_error("ThrottlingException")],
        [say_error("InternalServerError", 500)],
        [Say(b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\n<p/>")],
        [say_error("InternalServerError", 500), THROTTLED],
    ],
)
def test_transient_failures_are_retried(create: Create, peer: RawPeer, failures: list[Say]) -> None:
    peer.script += [*failures, FOUND]
    assert get(create(peer.url)) == {"pk": {"S": "p"}}
    assert len(peer.requests) == len(failures) + 1


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionConflictException"]
)
def test_rejections_are_not_retried(create: Create, peer: RawPeer, code: str) -> None:
    peer.script.append(say_error(code))
    response = error_of(lambda: get(create(peer.url)))
    assert response["Error"] == {"Code": code, "Message": "no"}
    assert len(peer.requests) == 1


@pytest.mark.parametrize(("failure", "code"), [(THROTTLED, "ProvisionedThroughputExceededException"), (CUT, None)])
def test_call_fails_after_three_attempts(create: Create, peer: RawPeer, failure: Say, code: str | None) -> None:
    peer.script += [failure] * 3
    with pytest.raises(Exception) as caught:
        get(create(peer.url))
    response = error_response(caught.value)
    assert (None if response is None else response["Error"]["Code"]) == code
    assert is_no_response(caught.value) or response is not None
    assert len(peer.requests) == 3


@pytest.mark.parametrize(
    ("failure", "calls", "retries"),
    [(say_error("InternalServerError", 500), 40, 500 // 14), (THROTTLED, 60, 500 // 5)],
)
def test_all_calls_share_a_retry_quota(
    create: Create, peer: RawPeer, failure: Say, calls: int, retries: int
) -> None:
    peer.script.extend([failure] * 3 * calls)
    client = create(peer.url)
    with ThreadPoolExecutor(calls) as threads:
        for future in [threads.submit(error_of, lambda: get(client)) for _ in range(calls)]:
            future.result()
    assert len(peer.requests) == calls + retries

    # A success refills too little for another retry.
    peer.script.clear()
    get(client)
    peer.script.append(failure)
    error_of(lambda: get(client))
    assert len(peer.requests) == calls + retries + 2


def test_retried_transaction_has_the_same_token(create: Create, peer: RawPeer) -> None:
    peer.script += [CUT, say(200, {}), say(200, {})]
    client = create(peer.url)
    put = {"Put": {"TableName": "t", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}
    for _ in range(2):
        client.transact_write_items(TransactItems=[put])
    tokens = [json.loads(body)["ClientRequestToken"] for _, _, body in peer.requests]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(tokens[0]) == 36


def test_requests_are_alike(peer: RawPeer) -> None:
    peer.script += [FOUND, FOUND]
    for create in (our_client, botocore_client):
        get(create(peer.url))
    (_, our_head, our_body), (_, botocore_head, botocore_body) = peer.requests
    assert json.loads(our_body) == json.loads(botocore_body)
    for name in ("x-amz-target", "content-type", "host"):
        assert header(our_head, name) == header(botocore_head, name)
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target," in header(our_head, "authorization")


def header(head: bytes, name: str) -> str:
    fields = [line.partition(":") for line in head.decode().split("\r\n")[1:]]
    return next(value.strip() for field, _, value in fields if field.lower() == name)


# ---- ours alone ----------------------------------------------------------------------------------------


def test_warm_up_calls_nothing_and_serves_the_first_call(peer: RawPeer) -> None:
    client = our_client(peer.url)
    client.warm_up()
    assert peer.requests == []
    peer.script.append(FOUND)
    assert get(client) == {"pk": {"S": "p"}}
    assert (len(peer.requests), len(peer.connections)) == (1, 1)


def test_warm_up_does_not_raise_without_a_server() -> None:
    with raw_peer() as closed:
        url = closed.url
    our_client(url).warm_up()
