"""The permissions that a call of DynamoDB requires, and DynamoDB's error format.

Sources: "Actions, resources, and condition keys for Amazon DynamoDB" (service authorization reference); "Using
IAM with DynamoDB transactions" (developer guide): a transaction requires the permissions of its operations and
has no own action, while BatchGetItem and BatchWriteItem are actions, checked for every table.
"""

from __future__ import annotations

import json
import re
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from local.iam.access import Access, RequestDenied

_TARGET = re.compile(r"DynamoDB_20120810\.([A-Za-z]{1,64})")
_TABLE_OPERATIONS = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "DescribeTable"})
_TABLE_OR_INDEX_OPERATIONS = frozenset({"Query", "Scan"})
_BATCH_OPERATIONS = frozenset({"BatchGetItem", "BatchWriteItem"})
_TRANSACTIONS = {
    "TransactGetItems": {"Get": "GetItem"},
    "TransactWriteItems": {
        "Put": "PutItem",
        "Update": "UpdateItem",
        "Delete": "DeleteItem",
        "ConditionCheck": "ConditionCheckItem",
    },
}


class DynamoDb:
    """The `Service` of the store."""

    signing_name = "dynamodb"

    def __init__(self, partition: str, region: str, account: str) -> None:
        self._tables = f"arn:{partition}:dynamodb:{region}:{account}:table/"

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """See `Service`."""
        target = _TARGET.fullmatch(request.headers.get("X-Amz-Target", ""))
        if target is None or (request.method, request.raw_path) != ("POST", "/"):
            unknown = Access("dynamodb:UnknownOperation", "*")
            raise RequestDenied(
                "UnknownOperationException", "The request is not an operation of DynamoDB", [unknown]
            )
        try:
            return list(dict.fromkeys(self._required_accesses(target[1], json.loads(body))))
        except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, or invalid for the operation
            raise RequestDenied("SerializationException", f"The body is invalid for {target[1]}") from None

    def error_response(self, denial: RequestDenied) -> web.Response:
        """Return status 400 with the code in `__type`, as all errors of DynamoDB."""
        error = {"__type": f"com.amazon.coral.service#{denial.code}", "message": denial.message}
        body = json.dumps(error).encode()
        return web.Response(
            status=400,
            body=body,
            content_type="application/x-amz-json-1.0",
            headers={"x-amzn-RequestId": uuid.uuid4().hex.upper(), "x-amz-crc32": str(zlib.crc32(body))},
        )

    def _required_accesses(self, operation: str, parameters: dict[str, Any]) -> Iterator[Access]:
        action = f"dynamodb:{operation}"
        if operation in _TABLE_OPERATIONS:
            yield Access(action, self._table(parameters))
        elif operation in _TABLE_OR_INDEX_OPERATIONS:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            yield Access(action, self._table(parameters) + index)
        elif operation in _BATCH_OPERATIONS:
            yield from (Access(action, self._arn(table)) for table in parameters["RequestItems"])
        elif operation in _TRANSACTIONS:
            actions = _TRANSACTIONS[operation]
            for item in parameters["TransactItems"]:
                yield from (Access(f"dynamodb:{actions[kind]}", self._table(it)) for kind, it in item.items())
        else:
            raise RequestDenied(
                "AccessDeniedException",
                f"{action} is always denied here: the guard does not know its required permissions",
                [Access(action, "*")],
            )

    def _table(self, parameters: dict[str, Any]) -> str:
        return self._arn(parameters["TableName"])

    def _arn(self, table: str) -> str:
        """Return the ARN of a table, which may itself be given as an ARN."""
        return table if table.startswith("arn:") else self._tables + table
