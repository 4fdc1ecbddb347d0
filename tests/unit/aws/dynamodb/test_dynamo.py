"""Calls of DynamoDB: which errors pass, which are retried, and what the core receives for the others."""

from __future__ import annotations

import pytest
from botocore.exceptions import ConnectTimeoutError

from chalicelib.aws.dynamodb.dynamo import MAX_ATTEMPTS, Dynamo
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.awshttp import NoResponse, ServiceError
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.ports.commits import WriteConflict
from tests.support.fakes import FakeClock
from tests.unit.aws.dynamodb.fakes import (
    NOW,
    ScriptedClient,
    cancelled,
    service_error,
    typed_item,
)

CONFLICT = service_error("TransactionConflictException")


def test_response_is_returned() -> None:
    assert Dynamo(ScriptedClient({"Item": 1}), FakeClock()).call("get_item", Key=1) == {"Item": 1}


@pytest.mark.parametrize(
    "error",
    [
        service_error("ThrottlingException"),
        service_error("AccessDeniedException"),
        NoResponse("none"),
        ConnectTimeoutError(endpoint_url="http://x"),
    ],
)
def test_errors_that_are_not_about_conditions_are_unavailable(error: Exception) -> None:
    client = ScriptedClient(error)
    with pytest.raises(Unavailable) as caught:
        Dynamo(client, FakeClock()).call("get_item")
    assert caught.value.__cause__ is error
    assert len(client.calls) == 1


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "TransactionCanceledException"])
def test_errors_about_conditions_are_raised_as_they_are(code: str) -> None:
    error = service_error(code)
    with pytest.raises(ServiceError) as caught:
        Dynamo(ScriptedClient(error), FakeClock()).call("put_item")
    assert caught.value is error


def test_defect_of_the_caller_is_raised_as_it_is() -> None:
    with pytest.raises(TypeError):
        Dynamo(ScriptedClient(TypeError()), FakeClock()).call("put_item")


def test_single_write_is_retried_while_a_transaction_is_in_progress() -> None:
    client, clock = ScriptedClient(CONFLICT, CONFLICT, {"done": True}), FakeClock()
    assert Dynamo(client, clock).call("put_item") == {"done": True}
    assert len(clock.sleeps) == 2


def test_single_write_that_meets_transactions_again_and_again_is_unavailable() -> None:
    client, clock = ScriptedClient(*[CONFLICT] * 20), FakeClock()
    with pytest.raises(Unavailable):
        Dynamo(client, clock).call("put_item")
    assert len(client.calls) == MAX_ATTEMPTS
    assert len(clock.sleeps) == MAX_ATTEMPTS - 1


def test_delays_are_random_and_bounded() -> None:
    delays = []
    for _ in range(100):
        clock = FakeClock()
        Dynamo(ScriptedClient(*[CONFLICT] * 7, {}), clock).call("put_item")
        delays.append(clock.sleeps)
    assert max(first for first, *_ in delays) <= 0.025
    assert max(max(each) for each in delays) <= 0.2
    assert len({last for *_, last in delays}) == 100


# ---- transactions --------------------------------------------------------------------------------------


def test_cancelled_transaction_has_a_reason_for_each_operation() -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": typed_item(1)}]
    error = service_error("TransactionCanceledException", CancellationReasons=reasons)
    with pytest.raises(TransactionCancelled) as caught:
        Dynamo(ScriptedClient(error), FakeClock()).transact([{}, {}])
    assert caught.value.reasons == [("None", None), ("ConditionalCheckFailed", {"pk": "p", "sk": "1"})]


def test_transaction_is_executed() -> None:
    client = ScriptedClient({})
    assert Dynamo(client, FakeClock()).try_transact([{"Put": {}}])
    assert client.calls == [{"method": "transact_write_items", "TransactItems": [{"Put": {}}]}]


@pytest.mark.parametrize(
    "codes", [("ConditionalCheckFailed", "None"), ("TransactionConflict", "ConditionalCheckFailed")]
)
def test_transaction_with_a_failed_condition_is_not_executed(codes: tuple[str, ...]) -> None:
    assert not Dynamo(ScriptedClient(cancelled(*codes)), FakeClock()).try_transact([{}, {}])


@pytest.mark.parametrize("codes", [("TransactionConflict", "None"), ("None", "ThrottlingError")])
def test_transaction_that_met_another_write_is_a_conflict(codes: tuple[str, ...]) -> None:
    with pytest.raises(WriteConflict):
        Dynamo(ScriptedClient(cancelled(*codes)), FakeClock()).try_transact([{}, {}])


@pytest.mark.parametrize("error", [NoResponse("none"), service_error("InternalServerError")])
def test_transaction_with_an_unknown_outcome_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable):
        Dynamo(ScriptedClient(error), FakeClock()).try_transact([{}])


# ---- expiry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "is_expired"),
    [({}, False), ({"expires_at": NOW + 1}, False), ({"expires_at": NOW}, True), ({"expires_at": 1}, True)],
)
def test_item_is_expired_from_its_expiry_on(item: dict[str, int], is_expired: bool) -> None:
    assert Dynamo(ScriptedClient(), FakeClock()).is_expired(item) is is_expired
