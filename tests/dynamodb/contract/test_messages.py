"""Requests that are refused before anything is read, with the code and message of DynamoDB.

The messages are those of the real service, as its documentation, its users' questions and public recordings show them.
"""

# The tables have a line for each case.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key

VALIDATION = "ValidationException"
PUT, UPDATE, DELETE, GET, QUERY = "PutItem", "UpdateItem", "DeleteItem", "GetItem", "Query"


def refusal(target: Target, operation: str, arguments: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(OperationFailed) as failure:
        target.call(operation, **arguments)
    return failure.value.code, failure.value.message


def values(**named: Any) -> dict[str, Any]:
    return {"ExpressionAttributeValues": {f":{name}": value for name, value in named.items()}}


ONE: dict[str, Any] = {"N": "1"}

CONDITIONS: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, "The expression can not be empty;"),
    ("n =", {}, 'Syntax error; token: "<EOF>", near: "="'),
    ("n : v", {}, 'Syntax error; token: ":", near: "n : v"'),
    ("n == :v", values(v=ONE), 'Syntax error; token: "=", near: "== :v"'),
    ("n = :v AND", values(v=ONE), 'Syntax error; token: "<EOF>", near: "AND"'),
    ("(n = :v", values(v=ONE), 'Syntax error; token: "<EOF>", near: ":v"'),
    ("n", {}, 'Syntax error; token: "<EOF>", near: "n"'),
    ("((n = :v))", values(v=ONE), "The expression has redundant parentheses;"),
    ("some_function(n)", {}, "Invalid function name; function: some_function"),
    ("size(n)", {}, "The function is not allowed to be used this way in an expression; function: size"),
    ("attribute_exists(n) = :v", values(v=ONE), "The function is not allowed to be used this way in an expression; function: attribute_exists"),
    ("if_not_exists(n, :v)", values(v=ONE), "The function is not allowed in a condition expression; function: if_not_exists"),
    ("attribute_exists(n, s)", {}, "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"),
    ("begins_with(n)", {}, "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"),
    ("attribute_exists(:v)", values(v=ONE), "Operator or function requires a document path; operator or function: attribute_exists"),
    ("begins_with(n, :v)", values(v=ONE), "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"),
    ("attribute_type(n, :v)", values(v={"S": "X"}), "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
    ("n < :v", values(v={"BOOL": True}), "Incorrect operand type for operator or function; operator: <, operand type: BOOL"),
    ("n = n", {}, "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]"),
    ("n BETWEEN :v AND :w", values(v={"N": "2"}, w=ONE), "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"),
    ("n = :absent", values(v=ONE), "An expression attribute value used in expression is not defined; attribute value: :absent"),
    ("#absent = :v", values(v=ONE), "An expression attribute name used in the document path is not defined; attribute name: #absent"),
    ("status = :v", values(v=ONE), "Attribute name is a reserved keyword; reserved keyword: status"),
    ("n.Name = :v", values(v=ONE), "Attribute name is a reserved keyword; reserved keyword: Name"),
]  # fmt: skip

UPDATES: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, "The expression can not be empty;"),
    ("INVALID SYNTAX", {}, 'Syntax error; token: "INVALID", near: "INVALID SYNTAX"'),
    ("SET n = :v,", values(v=ONE), 'Syntax error; token: "<EOF>", near: ","'),
    ("SET n-m = :v", values(v=ONE), 'Syntax error; token: "-", near: "n-m"'),
    ("SET n = :v SET s = :v", values(v=ONE), 'The "SET" section can only be used once in an update expression;'),
    ("SET n = :v, n = :v", values(v=ONE), "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]"),
    ("SET n.a = :v REMOVE n", values(v=ONE), "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n, a], path two: [n]"),
    ("SET n.a = :v, n[0] = :v", values(v=ONE), "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [n, a], path two: [n, [0]]"),
    ("SET n = size(s)", {}, "The function is not allowed in an update expression; function: size"),
    ("SET n = if_not_exists(n)", {}, "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1"),
    ("SET n = n + :v", values(v={"S": "x"}), "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
    ("SET l = list_append(l, :v)", values(v=ONE), "Incorrect operand type for operator or function; operator or function: list_append, operand type: N"),
    ("ADD n :v", values(v={"S": "x"}), "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("DELETE n :v", values(v=ONE), "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("SET n = :absent", {}, "An expression attribute value used in expression is not defined; attribute value: :absent"),
    ("SET data = :v", values(v=ONE), "Attribute name is a reserved keyword; reserved keyword: data"),
]  # fmt: skip

KEY_CONDITIONS: list[tuple[str, str]] = [
    ("sk = :v", "Query condition missed key schema element: pk"),
    ("pk > :v", "Query key condition not supported"),
    ("pk = :v AND n = :v", "Query condition missed key schema element: sk"),
    ("pk = :v OR sk = :v", "Invalid operator used in KeyConditionExpression: OR"),
    ("pk = :v AND NOT sk = :v", "Invalid operator used in KeyConditionExpression: NOT"),
    ("pk = :v AND sk <> :v", "Invalid operator used in KeyConditionExpression: <>"),
    ("pk = :v AND sk IN (:v)", "Invalid operator used in KeyConditionExpression: IN"),
    ("pk = :v AND contains(sk, :v)", "Invalid operator used in KeyConditionExpression: contains"),
    ("pk = :v AND pk = :v", "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key"),
    ("pk = :v AND size(sk) = :v", "Invalid KeyConditionExpression: KeyConditionExpressions cannot contain nested operations"),
    ("pk = :v AND sk.a = :v", "Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes"),
    ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
]  # fmt: skip

REQUESTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("no table name", GET, {"TableName": None, "Key": key("p", "a")}, "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"),
    ("bad table name", GET, {"TableName": "a b c", "Key": key("p", "a")}, "1 validation error detected: Value 'a b c' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
    ("key without the sort key", GET, {"Key": {"pk": {"S": "p"}}}, "The provided key element does not match the schema"),
    ("key with more than the key", GET, {"Key": {**key("p", "a"), "x": ONE}}, "The provided key element does not match the schema"),
    ("key of another type", GET, {"Key": {"pk": {"S": "p"}, "sk": ONE}}, "The provided key element does not match the schema"),
    ("empty key", GET, {"Key": key("p", "")}, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: sk"),
    ("item without the sort key", PUT, {"Item": {"pk": {"S": "p"}}}, "One or more parameter values were invalid: Missing the key sk in the item"),
    ("item with a key of another type", PUT, {"Item": {"pk": {"S": "p"}, "sk": ONE}}, "One or more parameter values were invalid: Type mismatch for key sk expected: S actual: N"),
    ("partition key too long", PUT, {"Item": item("p" * 2049, "a")}, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of 2048 bytes"),
    ("sort key too long", PUT, {"Item": item("p", "ä" * 513)}, "One or more parameter values were invalid: Size of rangekey has exceeded the maximum size limit of 1024 bytes"),
    ("empty set", PUT, {"Item": item("p", "a", x={"SS": []})}, "One or more parameter values were invalid: An string set  may not be empty"),
    ("set with duplicates", PUT, {"Item": item("p", "a", x={"SS": ["a", "a"]})}, "One or more parameter values were invalid: Input collection [a, a] contains duplicates."),
    ("false null", PUT, {"Item": item("p", "a", x={"NULL": False})}, "One or more parameter values were invalid: Null attribute value types must have the value of true"),
    ("number that is none", PUT, {"Item": item("p", "a", x={"N": "one"})}, "The parameter cannot be converted to a numeric value: one"),
    ("39 digits", PUT, {"Item": item("p", "a", x={"N": "1" * 39})}, "Attempting to store more than 38 significant digits in a Number"),
    ("number too large", PUT, {"Item": item("p", "a", x={"N": "1e126"})}, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    ("number too small", PUT, {"Item": item("p", "a", x={"N": "1e-131"})}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    ("no type", PUT, {"Item": item("p", "a", x={})}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("two types", PUT, {"Item": item("p", "a", x={"S": "a", "N": "1"})}, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"),
    ("return values of a put", PUT, {"Item": item("p", "a"), "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    ("update of a key", UPDATE, {"Key": key("p", "a"), "UpdateExpression": "SET sk = :v", **values(v={"S": "b"})}, "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key"),
    ("unused name", DELETE, {"Key": key("p", "a"), "ConditionExpression": "n = :v", "ExpressionAttributeNames": {"#x": "x"}, **values(v=ONE)}, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"),
    ("unused value", DELETE, {"Key": key("p", "a"), "ConditionExpression": "n = :v", **values(v=ONE, w=ONE)}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"),
    ("values without an expression", DELETE, {"Key": key("p", "a"), **values(v=ONE)}, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"),
    ("names without an expression", GET, {"Key": key("p", "a"), "ExpressionAttributeNames": {"#x": "x"}}, "ExpressionAttributeNames can only be specified when using expressions"),
    ("no values", DELETE, {"Key": key("p", "a"), "ConditionExpression": "attribute_exists(n)", "ExpressionAttributeValues": {}}, "ExpressionAttributeValues must not be empty"),
    ("name without its sign", DELETE, {"Key": key("p", "a"), "ConditionExpression": "attribute_exists(n)", "ExpressionAttributeNames": {"x": "x"}}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "x"'),
    ("overlapping projection", GET, {"Key": key("p", "a"), "ProjectionExpression": "a.b, a"}, "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]"),
    ("projection that is none", GET, {"Key": key("p", "a"), "ProjectionExpression": "!!"}, 'Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"'),
    ("no key condition", QUERY, {}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ("limit of zero", QUERY, {"KeyConditionExpression": "pk = :v", "Limit": 0, **values(v={"S": "p"})}, "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    ("key value of another type", QUERY, {"KeyConditionExpression": "pk = :v", **values(v=ONE)}, "One or more parameter values were invalid: Condition parameter type does not match schema type"),
    ("filter on a key", QUERY, {"KeyConditionExpression": "pk = :v", "FilterExpression": "sk = :v", **values(v={"S": "p"})}, "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"),
    ("unknown select", QUERY, {"KeyConditionExpression": "pk = :v", "Select": "NOTHING", **values(v={"S": "p"})}, "1 validation error detected: Value 'NOTHING' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "more", "message"), CONDITIONS, ids=[case[0] for case in CONDITIONS])
def test_bad_condition_is_refused(target: Target, condition: str, more: dict[str, Any], message: str) -> None:
    arguments = {"Key": key("p", "a"), "ConditionExpression": condition, **more}

    assert refusal(target, DELETE, arguments) == (VALIDATION, f"Invalid ConditionExpression: {message}")


@pytest.mark.parametrize(("update", "more", "message"), UPDATES, ids=[case[0] for case in UPDATES])
def test_bad_update_is_refused(target: Target, update: str, more: dict[str, Any], message: str) -> None:
    arguments = {"Key": key("p", "a"), "UpdateExpression": update, **more}

    assert refusal(target, UPDATE, arguments) == (VALIDATION, f"Invalid UpdateExpression: {message}")


@pytest.mark.parametrize(("condition", "message"), KEY_CONDITIONS, ids=[case[0] for case in KEY_CONDITIONS])
def test_bad_key_condition_is_refused(target: Target, condition: str, message: str) -> None:
    arguments = {"KeyConditionExpression": condition, **(values(v={"S": "p"}) if condition else {})}

    assert refusal(target, QUERY, arguments) == (VALIDATION, message)


@pytest.mark.parametrize(
    ("operation", "arguments", "message"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS]
)
def test_bad_request_is_refused(target: Target, operation: str, arguments: dict[str, Any], message: str) -> None:
    given = {name: value for name, value in {"TableName": target.table, **arguments}.items() if value is not None}
    with pytest.raises(OperationFailed) as failure:
        target.call_raw(operation, given)

    assert (failure.value.code, failure.value.message) == (VALIDATION, message)


@pytest.mark.parametrize("operation", [GET, PUT, UPDATE, DELETE])
def test_unknown_table_is_not_found(target: Target, operation: str) -> None:
    arguments: dict[str, Any] = {"Item": item("p", "a")} if operation == PUT else {"Key": key("p", "a")}

    found = refusal(target, operation, {"TableName": "no-such-table", **arguments})

    assert found == ("ResourceNotFoundException", "Requested resource not found")
