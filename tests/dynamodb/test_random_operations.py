"""Sequences of random operations have the same answers on the embedded engine and on MiniStack.

`CHAT_DYNAMODB_SEQUENCES` is the number of sequences (60). They leave out the known differences of MiniStack
(`contract/differences.py`): operands of the wrong type, comparisons of two absent paths, paths into nothing.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.dynamodb.engine import Engine
from local.dynamodb.sqlite_storage import SqliteStorage
from tests.dynamodb.conftest import ministack_target
from tests.dynamodb.random_operations import PARTITIONS, Request, requests
from tests.dynamodb.targets import OperationFailed, Target, in_process

SEQUENCES = int(os.environ.get("CHAT_DYNAMODB_SEQUENCES", "60"))
TABLE = "a table of either engine"


@pytest.fixture(scope="module")
def pair(pytestconfig: pytest.Config) -> tuple[Target, Target]:
    return Target("memory", in_process(Engine(SqliteStorage()))), ministack_target(pytestconfig)


def answer(target: Target, request: Request) -> Any:
    """Return the answer to a request, or the error, in a form that can be compared."""
    operation, arguments = request
    try:
        found = target.call(operation, **json.loads(json.dumps(arguments).replace(TABLE, target.table)))
    except OperationFailed as error:
        # An update that does not fit can be wrong in several ways, of which one is named.
        message = "" if operation == "UpdateItem" else error.message
        reasons = [
            {"Code": "ValidationError"} if reason["Code"] == "ValidationError" else reason
            for reason in error.reasons
        ]
        return error.code, message, comparable(error.item), comparable(reasons)
    if operation == "Query" and "Limit" in arguments:
        del found["Count"], found["ScannedCount"]
        # An engine may or may not know that a full page is the last one.
        found.pop("LastEvaluatedKey", None)
    if not found.get("Attributes", True):
        del found["Attributes"]
    if operation == "BatchGetItem":
        found = {"Items": sorted(found["Responses"][target.table], key=json.dumps)}
    return comparable(found)


def comparable(value: Any) -> Any:
    """Return a value in which equal numbers and equal sets are equal."""
    if isinstance(value, Mapping):
        if value.keys() == {"N"}:
            return {"N": Decimal(value["N"])}
        if value.keys() <= {"SS", "NS"} and value:
            return {kind: sorted(members) for kind, members in value.items()}
        return {name: comparable(member) for name, member in value.items()}
    return [comparable(member) for member in value] if isinstance(value, list) else value


@settings(
    max_examples=SEQUENCES,
    database=None,
    derandomize=SEQUENCES <= 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(sequence=st.lists(requests(TABLE), min_size=1, max_size=20))
def test_engines_answer_alike(pair: tuple[Target, Target], sequence: list[Request]) -> None:
    ours, theirs = pair
    tag = uuid.uuid4().hex
    for operation, arguments in sequence:
        text = json.dumps(arguments)
        for partition in PARTITIONS:
            text = text.replace(f'{{"S": "{partition}"}}', f'{{"S": "{partition}{tag}"}}')
        request = operation, json.loads(text)
        assert answer(ours, request) == answer(theirs, request), request
