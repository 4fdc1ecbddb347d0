"""Injected errors equal those that boto3 raises for DynamoDB's responses."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from local.faults import errors
from local.faults.calls import Call
from tests.faults.toys import Partition
from tests.support.engine import Engine

PARTITION = Partition("table", "room")
TRANSACTION = {"TransactItems": [{"Put": PARTITION.put("a")}, {"Update": PARTITION.add("b")}]}
CONFLICT = "Transaction is ongoing for the item"
THROUGHPUT = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]"

Build = Callable[[Any, Call], ClientError]

# The raw response: operation, its arguments, HTTP status, error code, the other members of the body.
CASES: dict[str, tuple[Build, str, dict[str, Any], int, str, dict[str, Any]]] = {
    "single write in conflict": (
        errors.transaction_conflict,
        "put_item",
        PARTITION.put("a"),
        400,
        "TransactionConflictException",
        {"message": CONFLICT},
    ),
    "transaction in conflict": (
        lambda client, call: errors.cancelled_by_conflict(client, call, frozenset({1})),
        "transact_write_items",
        TRANSACTION,
        400,
        "TransactionCanceledException",
        {
            "Message": CANCELLED.format("None, TransactionConflict"),
            "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict", "Message": CONFLICT}],
        },
    ),
    "transaction in progress": (
        errors.transaction_in_progress,
        "transact_write_items",
        TRANSACTION,
        400,
        "TransactionInProgressException",
        {"Message": "The transaction with the given request token is already in progress."},
    ),
    "throttled": (
        lambda client, call: errors.throttled(client, call, "ProvisionedThroughputExceededException"),
        "query",
        PARTITION.all(),
        400,
        "ProvisionedThroughputExceededException",
        {"message": THROUGHPUT},
    ),
    "throttled transaction": (
        lambda client, call: errors.throttled(client, call, "ProvisionedThroughputExceededException"),
        "transact_write_items",
        TRANSACTION,
        400,
        "TransactionCanceledException",
        {
            "Message": CANCELLED.format("ProvisionedThroughputExceeded, None"),
            "CancellationReasons": [
                {"Code": "ProvisionedThroughputExceeded", "Message": THROUGHPUT},
                {"Code": "None"},
            ],
        },
    ),
    "internal error": (
        errors.internal_error,
        "update_item",
        PARTITION.add("a"),
        500,
        "InternalServerError",
        {"message": "Internal server error"},
    ),
}


@contextmanager
def answering(status: int, body: dict[str, Any]) -> Iterator[str]:
    """A server that gives every request the same response."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_injected_error_equals_the_error_of_boto3(
    case: tuple[Build, str, dict[str, Any], int, str, dict[str, Any]],
) -> None:
    build, operation, arguments, status, code, members = case
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **members}
    with answering(status, body) as url:
        engine = Engine(url)
        client = engine.client()
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**arguments)
        engine.close()
    real, injected = caught.value, build(client, Call(1, operation, arguments))
    assert type(injected) is type(real)
    # The client of the tests makes a single attempt, which boto3 adds to the message.
    assert str(injected) == str(real).replace(" (reached max retries: 0)", "")
    assert injected.operation_name == real.operation_name
    metadata = [dict(error.response.pop("ResponseMetadata")) for error in (injected, real)]
    assert injected.response == real.response
    assert metadata[0]["HTTPStatusCode"] == metadata[1]["HTTPStatusCode"]
    assert metadata[0]["RetryAttempts"] == metadata[1]["RetryAttempts"]


def test_client_without_exception_classes_raises_a_client_error_with_the_code() -> None:
    error = errors.transaction_conflict(object(), Call(1, "put_item", PARTITION.put("a")))
    assert type(error) is ClientError
    assert error.response["Error"]["Code"] == "TransactionConflictException"
    assert error.operation_name == "PutItem"


def test_exceeded_rate_has_its_own_codes() -> None:
    single = errors.throttled(object(), Call(1, "get_item", PARTITION.at("a")), "ThrottlingException")
    assert single.response["Error"]["Code"] == "ThrottlingException"
    cancelled = errors.throttled(object(), Call(1, "transact_write_items", TRANSACTION), "ThrottlingException")
    assert [reason["Code"] for reason in cancelled.response["CancellationReasons"]] == ["ThrottlingError", "None"]


def test_is_conflict_requires_a_conflict_as_the_only_reason() -> None:
    call = Call(1, "transact_write_items", TRANSACTION)
    conflict = errors.cancelled_by_conflict(object(), call, frozenset({0}))
    assert errors.is_conflict(conflict)
    conflict.response["CancellationReasons"][1]["Code"] = "ConditionalCheckFailed"
    assert not errors.is_conflict(conflict)
    assert not errors.is_conflict(errors.throttled(object(), call, "ThrottlingException"))
    assert not errors.is_conflict(errors.internal_error(object(), call))
    assert not errors.is_conflict(TimeoutError())


def test_connection_errors_name_the_endpoint(store_engine: Engine) -> None:
    client = store_engine.client()
    assert str(errors.read_timeout(client)) == f'Read timeout on endpoint URL: "{store_engine.url}"'
    assert str(errors.unreachable(client)) == f'Could not connect to the endpoint URL: "{store_engine.url}"'
    assert isinstance(errors.read_timeout(object()), ReadTimeoutError)
    assert isinstance(errors.unreachable(object()), EndpointConnectionError)
