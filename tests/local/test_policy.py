"""The evaluation of IAM policies, and the rejection of malformed ones and unsupported elements."""

from __future__ import annotations

from typing import Any

import pytest

from local.policy import (
    Denied,
    Grant,
    InvalidPolicy,
    matches,
    parse_authorizer_policy,
    parse_identity_policy,
)

GET = "dynamodb:GetItem"
TABLES = "arn:aws:dynamodb:us-east-1:123456789012:table"
ROOMS = f"{TABLES}/rooms"
INVOKE = "execute-api:Invoke"
API = "arn:aws:execute-api:us-east-1:123456789012:abc/prod"
METHOD = f"{API}/GET/things"

Json = dict[str, Any]


def allow(sid: str, action: Any, resource: Any, effect: str = "Allow") -> Json:
    return {"Sid": sid, "Effect": effect, "Action": action, "Resource": resource}


def decide(*statements: Json, action: str = GET, resource: str = ROOMS) -> Grant | Denied:
    return parse_identity_policy("Reader", statements).decide(action, resource)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        (METHOD, True),
        ("*", True),
        (f"{API}/GET/*", True),
        (f"{API}/*", True),
        (f"{API}/*/things", True),
        (f"{API}/*/*", True),
        ("arn:aws:execute-api:*:*:abc/*", True),  # across colons
        (f"{API}/G?T/things", True),
        (f"{API}/G?/things", False),
        (f"{METHOD}?", False),
        (METHOD[:-1], False),
        (f"{API}/get/things", False),
        (f"{API}/POST/things", False),
        (f"{API}/*/*/*", False),
        (f"{API}/GET/th.ngs", False),
    ],
)
def test_pattern_matches_the_whole_text_case_sensitively(pattern: str, matched: bool) -> None:
    assert matches(pattern, METHOD) is matched


def test_wildcard_matches_newlines() -> None:
    assert matches(f"{ROOMS}/*", f"{ROOMS}/index/by\nname")


def test_regular_expression_characters_are_literal() -> None:
    assert matches(f"{API}/GET/a.b+c$", f"{API}/GET/a.b+c$")


def test_matching_allow_statement_grants() -> None:
    assert decide(allow("Read", GET, ROOMS)) == Grant("Read", GET, ROOMS)


def test_no_matching_statement_is_an_implicit_deny() -> None:
    assert decide() == Denied(explicit=False)
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS)) == Denied(explicit=False)
    assert decide(allow("Other", GET, f"{TABLES}/other")) == Denied(explicit=False)


@pytest.mark.parametrize("first", [True, False])
def test_deny_overrides_allow_in_any_order(first: bool) -> None:
    deny, grant = allow("Never", "dynamodb:*", ROOMS, "Deny"), allow("Read", GET, ROOMS)
    assert decide(*([deny, grant] if first else [grant, deny])) == Denied(explicit=True)


def test_deny_for_another_action_or_resource_has_no_effect() -> None:
    grant = allow("Read", GET, ROOMS)
    assert decide(allow("Never", "dynamodb:PutItem", ROOMS, "Deny"), grant) == Grant("Read", GET, ROOMS)
    assert decide(allow("Never", GET, f"{TABLES}/other", "Deny"), grant) == Grant("Read", GET, ROOMS)


def test_first_matching_statement_is_the_grant() -> None:
    assert decide(allow("One", GET, ROOMS), allow("Two", "*", "*")) == Grant("One", GET, ROOMS)
    assert decide(allow("Two", "*", "*"), allow("One", GET, ROOMS)) == Grant("Two", "*", "*")


@pytest.mark.parametrize("action", ["dynamodb:getitem", "DynamoDB:GETITEM", "dynamodb:*", "dynamodb:Get????", "*"])
def test_actions_match_case_insensitively_with_wildcards(action: str) -> None:
    assert decide(allow("Read", action, ROOMS)) == Grant("Read", action, ROOMS)


@pytest.mark.parametrize("action", ["dynamodb:Get", "dynamodb:Get???", "dynamodb:GetItem?", "execute-api:*"])
def test_action_pattern_matches_the_whole_action(action: str) -> None:
    assert decide(allow("Read", action, ROOMS)) == Denied(explicit=False)


def test_resources_match_case_sensitively() -> None:
    assert decide(allow("Read", GET, ROOMS.upper().replace("ARN:", "arn:"))) == Denied(explicit=False)


def test_lists_of_actions_and_resources_grant_every_pair() -> None:
    other = f"{TABLES}/other"
    policy = parse_identity_policy("Reader", [allow("Read", [GET, "dynamodb:Query"], [ROOMS, other])])
    assert [grant[1:] for grant in policy.grants()] == [
        (GET, ROOMS),
        (GET, other),
        ("dynamodb:Query", ROOMS),
        ("dynamodb:Query", other),
    ]
    assert policy.decide("dynamodb:Query", other) == Grant("Read", "dynamodb:Query", other)


def test_deny_statement_is_not_a_grant() -> None:
    assert list(parse_identity_policy("Reader", [allow("Never", GET, ROOMS, "Deny")]).grants()) == []


def test_statement_without_a_sid_is_named_by_its_number() -> None:
    statement = {"Effect": "Allow", "Action": GET, "Resource": ROOMS}
    assert decide(allow("Write", "dynamodb:PutItem", ROOMS), statement) == Grant("#2", GET, ROOMS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Condition": {"StringEquals": {}}}, "has Condition, which is unsupported"),
        ({"NotAction": "x:y"}, "has NotAction, which"),
        ({"NotResource": "*"}, "has NotResource, which"),
        ({"Principal": "*"}, "has Principal, which"),
        ({"Effect": "allow"}, "must have the Effect Allow or Deny"),
        ({"Action": "GetItem"}, "the Action GetItem is neither service:Operation nor *"),
        ({"Action": []}, "must have at least one Action"),
        ({"Action": [GET, 7]}, "must be a string or a list of strings"),
        ({"Action": None}, "must be a string or a list of strings"),
        ({"Resource": "rooms"}, "the Resource rooms is neither an ARN nor *"),
        ({"Resource": []}, "must have at least one Action and one Resource"),
        ({"Resource": {"Fn::GetAtt": ["Rooms", "Arn"]}}, "without intrinsic functions"),
        ({"Resource": "arn:aws:s3:::${aws:username}"}, "has an unresolved variable"),
    ],
)
def test_malformed_or_unsupported_statement_is_rejected_by_name(change: Json, message: str) -> None:
    with pytest.raises(InvalidPolicy) as error:
        parse_identity_policy("Reader", [{**allow("Read", GET, ROOMS), **change}])
    assert "Statement Read of Reader" in str(error.value)
    assert message in str(error.value)


def test_duplicate_sid_is_rejected() -> None:
    with pytest.raises(InvalidPolicy, match="Two statements of Reader have the Sid Read"):
        parse_identity_policy("Reader", [allow("Read", GET, ROOMS), allow("Read", "dynamodb:Query", ROOMS)])


def statement(effect: str, resource: Any, action: Any = INVOKE) -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource}


def document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("policy_document", "allowed"),
    [
        (document(statement("Allow", METHOD)), True),
        ({"Statement": statement("Allow", METHOD)}, True),
        (document(statement("Allow", [f"{API}/POST/*", METHOD])), True),
        (document(statement("Allow", METHOD, ["execute-api:ManageConnections", INVOKE])), True),
        (document(statement("Allow", METHOD), statement("Allow", METHOD)), True),
        (document(statement("Allow", METHOD, "execute-api:ManageConnections")), False),
        (document(statement("Allow", f"{API}/POST/*")), False),
        (document(statement("Allow", [])), False),
        (document(), False),
        (document(statement("Allow", "*"), statement("Deny", METHOD)), False),
        (document(statement("Deny", []), statement("Allow", "*")), True),
    ],
)
def test_authorizer_policy_grants_or_denies_a_method(policy_document: Json, allowed: bool) -> None:
    assert parse_authorizer_policy(policy_document).allows(INVOKE, METHOD) is allowed


@pytest.mark.parametrize(
    "policy_document",
    [
        None,
        [],
        {},
        {"Statement": "Allow"},
        {"Statement": ["Allow"]},
        document({"Effect": "Allow", "Action": "*"}),
        document({"Effect": "Allow", "Resource": "*"}),
        document(statement("allow", METHOD)),
        document(statement("Allow", 5)),
        document(statement("Allow", [METHOD, None])),
        document({**statement("Allow", METHOD), "Condition": {}}),
        document({"Effect": "Allow", "NotAction": "x", "Resource": METHOD}),
    ],
)
def test_invalid_authorizer_policy_is_rejected(policy_document: Any) -> None:
    with pytest.raises(InvalidPolicy, match="policyDocument"):
        parse_authorizer_policy(policy_document)
