"""Engines under test, each with the same way to call it: arguments and answers of the JSON protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.dynamodb.client import TARGET
from chalicelib.awshttp import AwsJsonClient, ServiceError, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError
from local.dynamodb.http_server import HttpServer
from local.dynamodb.sqlite_storage import SqliteStorage
from tests.support.engine import REGION

Answer = dict[str, Any]
Call = Callable[[str, Mapping[str, Any]], Answer]


class OperationFailed(Exception):
    """An operation failed; the members are those of the error's shape."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.code: str = response["Error"]["Code"]
        self.message: str = response["Error"]["Message"]
        self.item = response.get("Item")
        self.reasons: list[Any] = response.get("CancellationReasons", [])
        super().__init__(f"{self.code}: {self.message}")


class Target:
    """An engine and a table in it with the keys `pk` and `sk`, both strings."""

    def __init__(self, name: str, call: Call) -> None:
        self.name = name
        self._call = call
        self.table = f"toys-{uuid.uuid4().hex[:12]}"
        self.create(self.table)

    def call(self, operation: str, **arguments: Any) -> Answer:
        """Carry out an operation, on the target's table unless it names one. Raises OperationFailed."""
        if operation not in _WITHOUT_TABLE:
            arguments = {"TableName": self.table, **arguments}
        answer = self._call(operation, arguments)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def call_raw(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """Carry out an operation with these arguments and no others. Raises OperationFailed."""
        return self._call(operation, arguments)

    def create(self, name: str, hash_type: str = "S", range_type: str | None = "S") -> None:
        """Create a table."""
        keys = {"pk": ("HASH", hash_type)} | ({"sk": ("RANGE", range_type)} if range_type else {})
        self._call(
            "CreateTable",
            {
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": key, "AttributeType": kind} for key, (_, kind) in keys.items()
                ],
                "KeySchema": [{"AttributeName": key, "KeyType": role} for key, (role, _) in keys.items()],
            },
        )

    def put(self, pk: str, sk: str, **attributes: Any) -> None:
        """Put an item."""
        self.call("PutItem", Item=item(pk, sk, **attributes))

    def get(self, pk: str, sk: str) -> Answer | None:
        """Read an item."""
        found: Answer | None = self.call("GetItem", Key=key(pk, sk), ConsistentRead=True).get("Item")
        return found

    def query(self, pk: str, **arguments: Any) -> list[str]:
        """Query a partition; the sort keys of the page."""
        values = {":pk": {"S": pk}, **arguments.pop("values", {})}
        arguments.setdefault("KeyConditionExpression", "pk = :pk")
        page = self.call("Query", ExpressionAttributeValues=values, ConsistentRead=True, **arguments)
        return [found["sk"]["S"] for found in page["Items"]]


_WITHOUT_TABLE = frozenset(
    {"BatchGetItem", "BatchWriteItem", "TransactWriteItems", "TransactGetItems", "ListTables"}
)


def key(pk: str, sk: str) -> Answer:
    """Return a primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def item(pk: str, sk: str, **attributes: Any) -> Answer:
    """Return an item; whole numbers and strings are typed by their kind."""
    return key(pk, sk) | {name: value_of(value) for name, value in attributes.items()}


def value_of(value: Any) -> Answer:
    """Return a typed value; one that is typed already as it is."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else value


# ---- ways to call an engine ----------------------------------------------------------------------------


def in_process(engine: Engine) -> Call:
    """Call an engine in this process."""

    def call(operation: str, arguments: Mapping[str, Any]) -> Answer:
        try:
            return engine.call(operation, arguments)
        except DynamoError as error:
            raise OperationFailed(error.response) from error

    return call


def over_http(url: str) -> Call:
    """Call an engine by the JSON protocol as it is, without botocore's validation and conversions."""
    keys = StaticCredentials("test", "test", None)
    service = AwsJsonClient(url, "dynamodb", TARGET, REGION, lambda: keys, SystemClock(), TlsContext())

    def call(operation: str, arguments: Mapping[str, Any]) -> Answer:
        try:
            return service.call(operation, arguments)
        except ServiceError as error:
            raise OperationFailed(error.response) from error

    return call


def with_boto3(url: str) -> Call:
    """Call an engine by boto3, with base64 text for its bytes."""
    session = boto3.Session("test", "test", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, user_agent="tests")
    client = session.client("dynamodb", endpoint_url=url, config=config)

    def call(operation: str, arguments: Mapping[str, Any]) -> Answer:
        method = getattr(client, _method(operation))
        try:
            answer: Answer = _texts(method(**_bytes(arguments)))
        except ClientError as error:
            raise OperationFailed(_texts(error.response)) from error
        return answer

    return call


def _method(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).removeprefix("_")


def _bytes(value: Any) -> Any:
    """Replace base64 text by bytes, as boto3 wants them."""
    if isinstance(value, dict):
        if set(value) == {"B"} and isinstance(value["B"], str):
            return {"B": base64.b64decode(value["B"])}
        if set(value) == {"BS"} and isinstance(value["BS"], list):
            return {"BS": [base64.b64decode(member) for member in value["BS"]]}
        return {name: _bytes(member) for name, member in value.items()}
    return [_bytes(member) for member in value] if isinstance(value, list) else value


def _texts(value: Any) -> Any:
    """Replace bytes by base64 text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _texts(member) for name, member in value.items()}
    return [_texts(member) for member in value] if isinstance(value, list) else value


# ---- engines -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def memory_engine() -> Iterator[Engine]:
    """Run an engine in memory."""
    engine = Engine(SqliteStorage())
    yield engine
    engine.close()


@contextlib.contextmanager
def file_engine(path: Path) -> Iterator[Engine]:
    """Run an engine in a directory."""
    with Directory(path) as directory:
        yield Engine(directory.storage)


@contextlib.contextmanager
def served(engine: Engine) -> Iterator[str]:
    """Serve an engine on a port of 127.0.0.1; its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = HttpServer(engine)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            asyncio.run_coroutine_threadsafe(server.start(listener), loop).result(30)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(30)
            loop.close()
