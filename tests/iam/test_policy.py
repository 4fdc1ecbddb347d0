"""IAM's evaluation, and what is refused because it is not evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from local.iam import InvalidStatement
from local.iam.policy import Denied, Grant, Policy
from tests.iam.support import Json, allow, table

GET = "dynamodb:GetItem"
ROOMS = table("rooms")


def decide(*statements: Json, action: str = GET, resource: str = ROOMS) -> Grant | Denied:
    return Policy("Reader", statements).decide(action, resource)


def test_what_a_statement_allows_is_granted_by_it() -> None:
    assert decide(allow("Read", GET, ROOMS)) == Grant("Read", GET, ROOMS)


def test_what_nothing_allows_is_refused() -> None:
    assert decide() == Denied(explicit=False)
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS)) == Denied(explicit=False)
    assert decide(allow("Other", GET, table("other"))) == Denied(explicit=False)


@pytest.mark.parametrize("first", [True, False])
def test_a_deny_wins_wherever_it_stands(first: bool) -> None:
    deny, grant = allow("Never", "dynamodb:*", ROOMS, "Deny"), allow("Read", GET, ROOMS)
    assert decide(*([deny, grant] if first else [grant, deny])) == Denied(explicit=True)


def test_a_deny_of_something_else_changes_nothing() -> None:
    deny = allow("Never", "dynamodb:PutItem", ROOMS, "Deny")
    assert decide(deny, allow("Read", GET, ROOMS)) == Grant("Read", GET, ROOMS)


def test_the_first_statement_that_allows_it_is_named() -> None:
    assert decide(allow("One", GET, ROOMS), allow("Two", "*", "*")) == Grant("One", GET, ROOMS)
    assert decide(allow("Two", "*", "*"), allow("One", GET, ROOMS)) == Grant("Two", "*", "*")


@pytest.mark.parametrize("action", ["dynamodb:getitem", "DynamoDB:GETITEM", "dynamodb:*", "dynamodb:Get????", "*"])
def test_actions_match_without_case_and_by_wildcards(action: str) -> None:
    assert decide(allow("Read", action, ROOMS)) == Grant("Read", action, ROOMS)


@pytest.mark.parametrize("action", ["dynamodb:Get", "dynamodb:Get???", "dynamodb:GetItem?", "execute-api:*"])
def test_an_action_is_matched_as_a_whole(action: str) -> None:
    assert decide(allow("Read", action, ROOMS)) == Denied(explicit=False)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (ROOMS, True),
        ("*", True),
        ("arn:aws:dynamodb:*/rooms", True),  # across colons
        ("arn:aws:*:table/r????", True),
        (ROOMS.upper().replace("ARN:", "arn:"), False),  # with case, unlike actions
        (f"{ROOMS}/index/*", False),
        (ROOMS[:-1], False),
        (f"{ROOMS}?", False),
    ],
)
def test_resources_match_with_case_and_by_wildcards(pattern: str, matches: bool) -> None:
    assert isinstance(decide(allow("Read", GET, pattern)), Grant) is matches


def test_a_wildcard_in_a_resource_spans_slashes_and_line_ends() -> None:
    found = decide(allow("Read", GET, f"{ROOMS}/*"), resource=f"{ROOMS}/index/by\nname")
    assert isinstance(found, Grant)


def test_what_else_stands_in_a_pattern_stands_for_itself() -> None:
    assert decide(allow("Read", GET, table("ro.ms"))) == Denied(explicit=False)


def test_lists_of_actions_and_resources_allow_every_pair() -> None:
    policy = Policy("Reader", [allow("Read", [GET, "dynamodb:Query"], [ROOMS, table("other")])])
    assert [each[1:] for each in policy.grants()] == [
        (GET, ROOMS),
        (GET, table("other")),
        ("dynamodb:Query", ROOMS),
        ("dynamodb:Query", table("other")),
    ]
    assert policy.decide("dynamodb:Query", table("other")) == Grant("Read", "dynamodb:Query", table("other"))


def test_what_is_denied_is_no_grant() -> None:
    assert list(Policy("Reader", [allow("Never", GET, ROOMS, "Deny")]).grants()) == []


def test_a_statement_without_a_sid_is_called_by_its_number() -> None:
    statement = {"Effect": "Allow", "Action": GET, "Resource": ROOMS}
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS), statement) == Grant("#2", GET, ROOMS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"Condition": {"StringEquals": {}}}, "has Condition, which is not evaluated here"),
        ({"NotAction": "x:y"}, "has NotAction, which"),
        ({"NotResource": "*"}, "has NotResource, which"),
        ({"Principal": "*"}, "has Principal, which"),
        ({"Effect": "allow"}, "must have the Effect Allow or Deny"),
        ({"Action": "GetItem"}, "the Action GetItem is neither service:Operation nor *"),
        ({"Action": []}, "must have as Action a string or a list of strings"),
        ({"Action": [GET, 7]}, "must have as Action a string or a list of strings"),
        ({"Action": None}, "must have as Action a string or a list of strings"),
        ({"Resource": "rooms"}, "the Resource rooms is neither an ARN nor *"),
        ({"Resource": {"Fn::GetAtt": ["Rooms", "Arn"]}}, "resolve() replaces intrinsic functions"),
        ({"Resource": "arn:aws:s3:::${aws:username}"}, "has a variable"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidStatement) as refused:
        Policy("Reader", [{**allow("Read", GET, ROOMS), **change}])
    assert str(refused.value).startswith("Statement Read of Reader")
    assert complaint in str(refused.value)


def test_two_statements_of_one_sid_are_refused() -> None:
    with pytest.raises(InvalidStatement, match="Two statements of Reader have the Sid Read"):
        Policy("Reader", [allow("Read", GET, ROOMS), allow("Read", "dynamodb:Query", ROOMS)])
