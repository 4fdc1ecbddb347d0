"""How the errors of both clients are recognised."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.dynamodb.errors import TransactionCancelled, error_response, is_no_response
from chalicelib.awshttp import NoResponse, ServiceError

RESPONSE = {"Error": {"Code": "Code", "Message": "why"}}


@pytest.mark.parametrize("error", [ServiceError(RESPONSE, "Op"), ClientError(RESPONSE, "Op")])  # type: ignore[arg-type]
def test_error_of_the_service_has_a_response(error: Exception) -> None:
    response = error_response(error)
    assert response is not None
    assert response["Error"] == RESPONSE["Error"]


@pytest.mark.parametrize("error", [NoResponse("none"), EndpointConnectionError(endpoint_url="http://x")])
def test_error_of_the_network_has_none(error: Exception) -> None:
    assert error_response(error) is None
    assert is_no_response(error)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("response")])
def test_other_errors_are_neither(error: Exception) -> None:
    assert error_response(error) is None
    assert not is_no_response(error)


def test_cancelled_transaction_is_a_conflict_only_without_a_failed_condition() -> None:
    failed, conflict = ("ConditionalCheckFailed", None), ("TransactionConflict", None)
    assert TransactionCancelled([conflict, ("None", None)]).is_conflict
    assert not TransactionCancelled([conflict, failed]).is_conflict
    assert TransactionCancelled([conflict, failed]).failed(1)
    assert not TransactionCancelled([conflict, failed]).failed(0)
