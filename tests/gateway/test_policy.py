"""The evaluation of an authorizer's IAM policy (IAM: policy evaluation logic)."""

from typing import Any

import pytest

from local.gateway.policy import InvalidPolicy, Verdict, evaluate, matches

API = "arn:aws:execute-api:us-east-1:123456789012:abc/prod"


def statement(effect: str, resource: Any, action: Any = "execute-api:Invoke") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        (f"{API}/GET/things/one", True),
        (f"{API}/GET/things/*", True),
        (f"{API}/*", True),
        (f"{API}/*/things/one", True),
        (f"{API}/*/*", True),
        ("arn:aws:execute-api:*:*:abc/*", True),
        ("*", True),
        (f"{API}/G?T/things/one", True),
        (f"{API}/G?/things/one", False),
        (f"{API}/GET/things", False),
        (f"{API}/get/things/one", False),
        (f"{API}/POST/things/one", False),
        ("arn:aws:execute-api:us-east-1:123456789012:abd/*", False),
        (API.replace(".", "x") + "/GET/things.one", False),
    ],
)
def test_wildcards_match_as_in_iam(pattern: str, matched: bool) -> None:
    assert matches(pattern, f"{API}/GET/things/one") is matched


def test_regular_expression_characters_are_literal() -> None:
    assert matches(f"{API}/GET/a.b+c$", f"{API}/GET/a.b+c$")
    assert not matches(f"{API}/GET/a.b", f"{API}/GET/axb")


ARN = f"{API}/GET/things"


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (policy(statement("Allow", ARN)), Verdict.ALLOWED),
        ({"Statement": statement("Allow", ARN)}, Verdict.ALLOWED),
        (policy(statement("Allow", [f"{API}/POST/*", ARN])), Verdict.ALLOWED),
        (
            policy(statement("Allow", ARN, ["execute-api:ManageConnections", "execute-api:Invoke"])),
            Verdict.ALLOWED,
        ),
        (policy(statement("Allow", ARN, "execute-api:*")), Verdict.ALLOWED),
        (policy(statement("Allow", ARN, "*")), Verdict.ALLOWED),
        (policy(statement("Allow", ARN, "Execute-API:invoke")), Verdict.ALLOWED),
        (policy(statement("Allow", ARN, "execute-api:ManageConnections")), Verdict.NOT_ALLOWED),
        (policy(statement("Allow", f"{API}/POST/*")), Verdict.NOT_ALLOWED),
        (policy(statement("Allow", [])), Verdict.NOT_ALLOWED),
        (policy(), Verdict.NOT_ALLOWED),
        (policy(statement("Deny", ARN)), Verdict.DENIED),
        (policy(statement("Allow", "*"), statement("Deny", ARN)), Verdict.DENIED),
        (policy(statement("Deny", ARN), statement("Allow", "*")), Verdict.DENIED),
        (policy(statement("Deny", f"{API}/POST/*"), statement("Allow", "*")), Verdict.ALLOWED),
    ],
)
def test_explicit_deny_overrides_allow_and_no_match_is_an_implicit_deny(document: Any, verdict: Verdict) -> None:
    assert evaluate(document, ARN) is verdict


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"Statement": "Allow"},
        {"Statement": ["Allow"]},
        policy({"Effect": "Allow", "Action": "*"}),
        policy({"Effect": "Allow", "Resource": "*"}),
        policy(statement("allow", ARN)),
        policy(statement("Allow", 5)),
        policy(statement("Allow", [ARN, None])),
        policy({**statement("Allow", ARN), "Condition": {}}),
        policy({"Effect": "Allow", "NotAction": "x", "Resource": ARN}),
    ],
)
def test_invalid_policy_document_is_rejected(document: Any) -> None:
    with pytest.raises(InvalidPolicy):
        evaluate(document, ARN)
