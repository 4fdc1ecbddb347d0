"""Our client of DynamoDB does what botocore's does: answers, refusals, second attempts."""

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
from chalicelib.awshttp import AwsJsonClient, TlsContext, _errors
from chalicelib.core.kernel.clock import SystemClock
from tests.support.engine import REGION, TOY_TABLE, create_tables, running_engine
from tests.support.raw_peer import CUT, RawPeer, Say, raw_peer

KEYS = StaticCredentials("testing", "testing", None)
Make = Callable[[str], Any]


def ours(url: str) -> DynamoClient:
    service = AwsJsonClient(url, "dynamodb", TARGET, REGION, lambda: KEYS, SystemClock(), TlsContext())
    return DynamoClient(service)


def botocores(url: str) -> Any:
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    session = boto3.Session(KEYS.access_key, KEYS.secret_key, region_name=REGION)
    return session.client("dynamodb", endpoint_url=url, config=config)


@pytest.fixture(params=[ours, botocores], ids=["ours", "botocore's"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture(scope="module")
def place(pytestconfig: pytest.Config) -> tuple[str, str]:
    """An engine's URL and a table in it."""
    engine = running_engine(pytestconfig)
    return engine.url, create_tables(engine.client(), {"ToyTable": TOY_TABLE})["ToyTable"]


class Toys:
    """A partition that nobody else uses."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table
        self.pk = uuid.uuid4().hex

    def key(self, sk: str) -> dict[str, Any]:
        return {"pk": {"S": self.pk}, "sk": {"S": sk}}

    def put(self, sk: str, **more: Any) -> dict[str, Any]:
        item = {**self.key(sk), "n": {"N": "1"}, "t": {"S": "grüß 👋"}, "b": {"BOOL": True}, "m": {"M": {}}}
        return {"TableName": self.table, "Item": item, **more}

    def refused(self, call: Callable[[], object]) -> dict[str, Any]:
        with pytest.raises(Exception) as caught:
            call()
        said = _errors.response(caught.value)
        assert said is not None
        return dict(said)


@pytest.fixture
def toys(make: Make, place: tuple[str, str]) -> Toys:
    url, table = place
    return Toys(make(url), table)


def test_what_was_put_is_read_as_it_was(toys: Toys) -> None:
    toys.client.put_item(**toys.put("a"))
    answer = toys.client.get_item(TableName=toys.table, Key=toys.key("a"), ConsistentRead=True)
    assert answer["Item"] == toys.put("a")["Item"]
    assert "Item" not in toys.client.get_item(TableName=toys.table, Key=toys.key("b"))


def test_an_update_and_a_deletion_answer_with_what_was_there(toys: Toys) -> None:
    toys.client.put_item(**toys.put("a"))
    where = {"TableName": toys.table, "Key": toys.key("a"), "ReturnValues": "ALL_OLD"}
    change = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "2"}}}
    assert toys.client.update_item(**where, **change)["Attributes"]["n"] == {"N": "1"}
    assert toys.client.delete_item(**where)["Attributes"]["n"] == {"N": "2"}
    assert "Attributes" not in toys.client.delete_item(**where)


def test_a_query_answers_page_by_page(toys: Toys) -> None:
    for each in "abc":
        toys.client.put_item(**toys.put(each))
    question = {
        "TableName": toys.table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": toys.pk}},
        "Limit": 2,
    }
    first = toys.client.query(**question)
    assert [each["sk"]["S"] for each in first["Items"]] == ["a", "b"]
    second = toys.client.query(**question, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [each["sk"]["S"] for each in second["Items"]] == ["c"]


def test_batches(toys: Toys) -> None:
    puts = [{"PutRequest": {"Item": toys.put(each)["Item"]}} for each in "abc"]
    assert not toys.client.batch_write_item(RequestItems={toys.table: puts}).get("UnprocessedItems")
    keys = {"Keys": [toys.key(each) for each in "abcd"], "ConsistentRead": True}
    found = toys.client.batch_get_item(RequestItems={toys.table: keys})
    assert sorted(each["sk"]["S"] for each in found["Responses"][toys.table]) == ["a", "b", "c"]
    assert not found.get("UnprocessedKeys")


def test_a_condition_that_does_not_hold_says_what_is_there(toys: Toys) -> None:
    toys.client.put_item(**toys.put("a"))
    again = toys.put(
        "a", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"
    )
    said = toys.refused(lambda: toys.client.put_item(**again))
    assert said["Error"]["Code"] == "ConditionalCheckFailedException"
    assert said["Error"]["Message"]
    assert said["Item"] == toys.put("a")["Item"]


def test_a_cancelled_transaction_says_why_for_each_operation(toys: Toys) -> None:
    toys.client.put_item(**toys.put("a"))
    condition = {
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    operations = [{"Put": toys.put("b")}, {"Put": toys.put("a", **condition)}]
    said = toys.refused(lambda: toys.client.transact_write_items(TransactItems=operations))
    assert said["Error"]["Code"] == "TransactionCanceledException"
    assert [each["Code"] for each in said["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert said["CancellationReasons"][1]["Item"] == toys.put("a")["Item"]
    assert "Item" not in toys.client.get_item(TableName=toys.table, Key=toys.key("b"))


def test_a_transaction_is_done(toys: Toys) -> None:
    toys.client.transact_write_items(TransactItems=[{"Put": toys.put(each)} for each in "ab"])
    assert "Item" in toys.client.get_item(TableName=toys.table, Key=toys.key("b"))


def test_what_makes_no_sense_is_refused(toys: Toys) -> None:
    said = toys.refused(lambda: toys.client.get_item(TableName="no-such-table", Key=toys.key("a")))
    assert said["Error"]["Code"] == "ResourceNotFoundException"


# ---- against a peer that misbehaves --------------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with raw_peer() as peer:
        yield peer


def saying(status: int, content: object) -> Say:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Say(head.encode() + body)


def failing(code: str, status: int = 400) -> Say:
    return saying(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"})


FOUND = saying(200, {"Item": {"pk": {"S": "p"}}})
THROTTLED = failing("ProvisionedThroughputExceededException")


def get(client: Any) -> Any:
    return client.get_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "s"}}).get("Item")


@pytest.mark.parametrize(
    "trouble",
    [
        [CUT],
        [THROTTLED],
        [failing("ThrottlingException")],
        [failing("InternalServerError", 500)],
        [Say(b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\n<p/>")],
        [failing("InternalServerError", 500), THROTTLED],
    ],
)
def test_what_passes_is_asked_again(make: Make, peer: RawPeer, trouble: list[Say]) -> None:
    peer.script += [*trouble, FOUND]
    assert get(make(peer.url)) == {"pk": {"S": "p"}}
    assert len(peer.requests) == len(trouble) + 1


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionConflictException"]
)
def test_what_does_not_pass_is_not_asked_again(make: Make, peer: RawPeer, code: str) -> None:
    peer.script.append(failing(code))
    with pytest.raises(Exception) as caught:
        get(make(peer.url))
    said = _errors.response(caught.value)
    assert said is not None
    assert said["Error"] == {"Code": code, "Message": "no"}
    assert len(peer.requests) == 1


@pytest.mark.parametrize(("trouble", "code"), [(THROTTLED, "ProvisionedThroughputExceededException"), (CUT, None)])
def test_after_three_attempts_it_is_given_up(make: Make, peer: RawPeer, trouble: Say, code: str | None) -> None:
    peer.script += [trouble] * 3
    with pytest.raises(Exception) as caught:
        get(make(peer.url))
    said = _errors.response(caught.value)
    assert (None if said is None else said["Error"]["Code"]) == code
    assert _errors.is_network_error(caught.value) or said is not None
    assert len(peer.requests) == 3


@pytest.mark.parametrize(
    ("trouble", "calls", "again"),
    [(failing("InternalServerError", 500), 40, 500 // 14), (THROTTLED, 60, 500 // 5)],
)
def test_all_calls_share_a_budget_for_further_attempts(
    make: Make, peer: RawPeer, trouble: Say, calls: int, again: int
) -> None:
    peer.script.extend([trouble] * 3 * calls)
    client = make(peer.url)

    def fail() -> None:
        with pytest.raises(Exception) as caught:
            get(client)
        assert _errors.response(caught.value) is not None

    with ThreadPoolExecutor(calls) as threads:
        for each in [threads.submit(fail) for _ in range(calls)]:
            each.result()
    assert len(peer.requests) == calls + again

    peer.script.clear()
    get(client)
    peer.script.append(trouble)
    with pytest.raises(Exception) as still_empty:
        get(client)
    assert _errors.response(still_empty.value) is not None


def test_a_transaction_that_is_asked_for_again_has_the_same_token(make: Make, peer: RawPeer) -> None:
    peer.script += [CUT, saying(200, {}), saying(200, {})]
    client = make(peer.url)
    put = {"Put": {"TableName": "t", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}
    for _ in range(2):
        client.transact_write_items(TransactItems=[put])
    tokens = [json.loads(body)["ClientRequestToken"] for _, _, body in peer.requests]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(tokens[0]) == 36


def test_requests_are_alike(peer: RawPeer) -> None:
    peer.script += [FOUND, FOUND]
    for make in (ours, botocores):
        get(make(peer.url))
    (_, our_head, our_body), (_, their_head, their_body) = peer.requests
    assert json.loads(our_body) == json.loads(their_body)
    for name in ("x-amz-target", "content-type", "host"):
        assert header(our_head, name) == header(their_head, name)
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target," in header(our_head, "authorization")


def header(head: bytes, name: str) -> str:
    lines = [each.partition(":") for each in head.decode().split("\r\n")[1:]]
    return next(value.strip() for found, _, value in lines if found.lower() == name)


# ---- ours alone ----------------------------------------------------------------------------------------


def test_what_is_opened_before_there_is_anything_to_ask_asks_nothing_and_serves_the_first_call(
    peer: RawPeer,
) -> None:
    client = ours(peer.url)
    client.warm_up()
    assert peer.requests == []
    peer.script.append(FOUND)
    assert get(client) == {"pk": {"S": "p"}}
    assert (len(peer.requests), len(peer.connections)) == (1, 1)


def test_to_open_where_nobody_is_does_not_raise() -> None:
    with raw_peer() as gone:
        url = gone.url
    ours(url).warm_up()
