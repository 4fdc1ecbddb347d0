"""The plugin that checks requests finds those that the service would reject."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.request_models import CHECKED, check

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


def test_valid_request_is_counted() -> None:
    before = CHECKED["dynamodb:GetItem"]
    check("dynamodb", "GetItem", {"TableName": "t", "Key": KEY, "ConsistentRead": True})
    check("sqs", "SendMessage", {"QueueUrl": "http://127.0.0.1/1/q", "MessageBody": "x", "DelaySeconds": 1})
    assert CHECKED["dynamodb:GetItem"] == before + 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"TableName": "t"},
        {"TableName": "t", "Key": KEY, "Consistent": True},
        {"TableName": "t", "Key": {"pk": "a"}},
        {"TableName": 5, "Key": KEY},
    ],
    ids=["without a key", "unknown parameter", "untyped attribute", "wrong type"],
)
def test_invalid_request_fails_the_test(arguments: dict[str, Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match="dynamodb GetItem: "):
        check("dynamodb", "GetItem", arguments)
