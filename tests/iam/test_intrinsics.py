"""CloudFormation's intrinsic functions in statements."""

from __future__ import annotations

from typing import Any

import pytest

from local.iam import UnresolvedReference, resolve
from tests.iam.support import Json

VALUES = {"Rooms": "rooms", "Rooms.Arn": "arn:aws:dynamodb:::table/rooms", "AWS::Region": "us-east-1"}


def resolved(resource: Any) -> Any:
    (statement,) = resolve([{"Sid": "Read", "Effect": "Allow", "Resource": resource}], VALUES)
    assert (statement["Sid"], statement["Effect"]) == ("Read", "Allow")
    return statement["Resource"]


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("as it is ${Rooms}", "as it is ${Rooms}"),
        ({"Ref": "Rooms"}, "rooms"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Rooms", "Arn"]}, "arn:aws:dynamodb:::table/rooms"),
        ({"Fn::GetAtt": "Rooms.Arn"}, "arn:aws:dynamodb:::table/rooms"),
        ({"Fn::Sub": "${AWS::Region}/${Rooms}/${Rooms.Arn}"}, "us-east-1/rooms/arn:aws:dynamodb:::table/rooms"),
        ({"Fn::Sub": "${!Rooms}"}, "${Rooms}"),
        ({"Fn::Sub": ["${Own}-${Rooms}", {"Own": {"Ref": "AWS::Region"}}]}, "us-east-1-rooms"),
        ({"Fn::Sub": ["${Rooms}", {"Rooms": "mine"}]}, "mine"),
        ({"Fn::Join": [":", ["a", {"Ref": "Rooms"}, {"Fn::Sub": "${Rooms}"}]]}, "a:rooms:rooms"),
    ],
)
def test_intrinsic_function_is_replaced_by_its_value(node: Any, text: str) -> None:
    assert resolved(node) == text
    assert resolved([node, "other"]) == [text, "other"]


def test_other_values_are_unchanged() -> None:
    statement: Json = {"Condition": {"StringEquals": {"aws:x": {"Ref": "Rooms"}}}}
    assert resolve([statement], VALUES) == [{"Condition": {"StringEquals": {"aws:x": "rooms"}}}]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Ref": "Halls"}, "refers to Halls"),
        ({"Fn::GetAtt": ["Halls", "Arn"]}, "refers to Halls.Arn"),
        ({"Fn::Sub": "a ${Halls.Arn} b"}, "refers to Halls.Arn"),
        ({"Fn::Sub": ["${Halls}", {"Rooms": "x"}]}, "refers to Halls"),
        ({"Fn::Join": ["", [{"Ref": "Halls"}]]}, "refers to Halls"),
        ({"Fn::ImportValue": "Rooms"}, "uses Fn::ImportValue"),
        ({"Ref": 7}, "a Ref with a non-string value"),
        ({"Fn::Sub": ["${Rooms}"]}, "a Fn::Sub without its two arguments"),
        ({"Fn::Sub": ["${Rooms}", "x"]}, "not a map"),
        ({"Fn::Join": ["", "Rooms"]}, "not a list"),
        ({"Fn::Join": ["", [["Rooms"]]]}, "a Fn::Join with a non-string value"),
    ],
)
def test_unresolved_reference_is_reported_with_its_statement(node: Any, message: str) -> None:
    with pytest.raises(UnresolvedReference) as refused:
        resolved(node)
    assert str(refused.value).startswith("statement Read ")
    assert message in str(refused.value)


def test_statement_without_a_sid_is_named_by_its_number() -> None:
    with pytest.raises(UnresolvedReference, match=r"^statement 2 refers to Halls"):
        resolve([{}, {"Resource": {"Ref": "Halls"}}], VALUES)
