"""The policy of a restore: with those of the deployer it allows every call, and no other tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

from botocore import xform_name
from botocore.session import get_session

from tests.support.deployer import ACCOUNT, POLICIES, allowed

ROOT = Path(__file__).parents[2]
POLICY = json.loads((POLICIES / "restore.json").read_text().replace("ACCOUNT", ACCOUNT))
CLIENTS = {"tables.py": "dynamodb", "functions.py": "lambda"}
WRITES = {"dynamodb:TransactWriteItems"}
"""Authorized as the operations of the transaction (DynamoDB Developer Guide, "IAM with transactions")."""
# The methods of the client by which the application reads and writes rows (`chalicelib/aws/dynamodb/client.py`).
ROWS = {
    f"dynamodb:{name}"
    for name in (
        *("GetItem", "Query", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
        *("BatchWriteItem", "ConditionCheckItem"),
    )
}


def granted() -> set[str]:
    return {action for statement in POLICY["Statement"] for action in statement["Action"]}


def called() -> set[str]:
    """Return the actions of the calls in the code of the command."""
    found = {"dynamodb:Scan"}  # by a paginator
    for file, service in CLIENTS.items():
        operations = get_session().get_service_model(service).operation_names
        by_method = {xform_name(operation): operation for operation in operations}
        methods = set(re.findall(r"self\._client\.(\w+)\(", (ROOT / "infra" / "restore" / file).read_text()))
        found |= {f"{service}:{by_method[method]}" for method in methods - {"get_paginator"}}
    return found


def test_every_call_is_allowed_and_nothing_else() -> None:
    needed = called() | ROWS | {"execute-api:ManageConnections"}
    assert needed - granted() <= allowed()
    assert granted() <= needed


def test_rows_of_other_applications_cannot_be_read() -> None:
    for statement in POLICY["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if statement["Action"] != ["dynamodb:ListBackups"]:
            assert all(":table/chat-" in r or ":function:chat-" in r or "/@connections/" in r for r in resources)
