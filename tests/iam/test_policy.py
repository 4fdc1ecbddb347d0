"""IAM's policy evaluation, and the rejection of unsupported elements."""

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


def test_matching_allow_statement_grants() -> None:
    assert decide(allow("Read", GET, ROOMS)) == Grant("Read", GET, ROOMS)


def test_no_matching_statement_is_an_implicit_deny() -> None:
    assert decide() == Denied(explicit=False)
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS)) == Denied(explicit=False)
    assert decide(allow("Other", GET, table("other"))) == Denied(explicit=False)


@pytest.mark.parametrize("first", [True, False])
def test_deny_overrides_allow_in_any_order(first: bool) -> None:
    deny, grant = allow("Never", "dynamodb:*", ROOMS, "Deny"), allow("Read", GET, ROOMS)
    assert decide(*([deny, grant] if first else [grant, deny])) == Denied(explicit=True)


def test_deny_for_another_resource_has_no_effect() -> None:
    deny = allow("Never", "dynamodb:PutItem", ROOMS, "Deny")
    assert decide(deny, allow("Read", GET, ROOMS)) == Grant("Read", GET, ROOMS)


def test_first_matching_statement_is_the_grant() -> None:
    assert decide(allow("One", GET, ROOMS), allow("Two", "*", "*")) == Grant("One", GET, ROOMS)
    assert decide(allow("Two", "*", "*"), allow("One", GET, ROOMS)) == Grant("Two", "*", "*")


@pytest.mark.parametrize("action", ["dynamodb:getitem", "DynamoDB:GETITEM", "dynamodb:*", "dynamodb:Get????", "*"])
def test_actions_match_case_insensitively_with_wildcards(action: str) -> None:
    assert decide(allow("Read", action, ROOMS)) == Grant("Read", action, ROOMS)


@pytest.mark.parametrize("action", ["dynamodb:Get", "dynamodb:Get???", "dynamodb:GetItem?", "execute-api:*"])
def test_action_pattern_matches_the_whole_action(action: str) -> None:
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
def test_resources_match_case_sensitively_with_wildcards(pattern: str, matches: bool) -> None:
    assert isinstance(decide(allow("Read", GET, pattern)), Grant) is matches


def test_resource_wildcard_spans_slashes_and_newlines() -> None:
    decision = decide(allow("Read", GET, f"{ROOMS}/*"), resource=f"{ROOMS}/index/by\nname")
    assert isinstance(decision, Grant)


def test_other_characters_in_a_pattern_are_literal() -> None:
    assert decide(allow("Read", GET, table("ro.ms"))) == Denied(explicit=False)


def test_lists_of_actions_and_resources_grant_every_pair() -> None:
    policy = Policy("Reader", [allow("Read", [GET, "dynamodb:Query"], [ROOMS, table("other")])])
    assert [grant[1:] for grant in policy.grants()] == [
        (GET, ROOMS),
        (GET, table("other")),
        ("dynamodb:Query", ROOMS),
        ("dynamodb:Query", table("other")),
    ]
    assert policy.decide("dynamodb:Query", table("other")) == Grant("Read", "dynamodb:Query", table("other"))


def test_deny_statement_is_not_a_grant() -> None:
    assert list(Policy("Reader", [allow("Never", GET, ROOMS, "Deny")]).grants()) == []


def test_statement_without_a_sid_is_named_by_its_number() -> None:
    statement = {"Effect": "Allow", "Action": GET, "Resource": ROOMS}
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS), statement) == Grant("#2", GET, ROOMS)


@pytest.mark.parametrize(
    ("change", "message"),
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
def test_unsupported_statement_element_is_rejected_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidStatement) as refused:
        Policy("Reader", [{**allow("Read", GET, ROOMS), **change}])
    assert str(refused.value).startswith("Statement Read of Reader")
    assert message in str(refused.value)


def test_duplicate_sid_is_rejected() -> None:
    with pytest.raises(InvalidStatement, match="Two statements of Reader have the Sid Read"):
        Policy("Reader", [allow("Read", GET, ROOMS), allow("Read", "dynamodb:Query", ROOMS)])
