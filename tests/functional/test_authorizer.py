"""The REST authorizer, called as API Gateway calls it: a policy for the whole stage, identity in the context."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib import bootstrap
from local.tokens import mint

from .conftest import SECRET, token

ARN = "arn:aws:execute-api:us-east-1:123456789012:abcd123/dev/GET/conversations"

# Explicit, and for all routes, because it is cached for the token. A statement without resources does not deny
# on AWS (aws/chalice#1619).
DENIED = {
    "Action": "execute-api:Invoke",
    "Effect": "Deny",
    "Resource": "arn:aws:execute-api:us-east-1:123456789012:abcd123/dev/*",
}


def decided(chat: Any, authorization: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "methodArn": ARN, "authorizationToken": authorization}
    answer: dict[str, Any] = chat.auth(event, None)
    return answer


def test_valid_token_allows_every_route_and_passes_the_identity(chat: Any) -> None:
    answer = decided(chat, f"Bearer {token('auth0|alice', 'Alice')}")
    assert {"participant_id", "name", "expires_at", "issued_at"} == set(answer["context"])
    assert answer["context"]["participant_id"] == "auth0|alice"
    assert answer["context"]["name"] == "Alice"
    assert all(isinstance(value, str) for value in answer["context"].values())
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    # The result is cached for the token: it has to fit every route, not only the one that was asked for.
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:123456789012:abcd123/dev/*/*"]


def test_token_without_a_name_has_none_in_the_context(chat: Any) -> None:
    assert "name" not in decided(chat, f"Bearer {token('bob')}")["context"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic eDp5", "bearer a.b.c"])
def test_invalid_token_is_denied_without_an_error(chat: Any, authorization: str) -> None:
    answer = decided(chat, authorization)
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == DENIED
    assert "context" not in answer


def test_an_expired_token_is_denied(chat: Any) -> None:
    answer = decided(chat, f"Bearer {token('alice', ttl=-3600)}")
    assert answer["policyDocument"]["Statement"] == [DENIED]


def test_revoked_token_is_marked_until_a_newer_one_is_used(chat: Any) -> None:
    now = time.time()
    revocations = bootstrap.application().stores.revocations
    revocations.revoke("alice", int((now + 10) * 1000), int(now) + 1000)
    assert decided(chat, f"Bearer {token('alice')}")["context"]["revoked"] == "true"
    assert "revoked" not in decided(chat, f"Bearer {token('bob')}")["context"]
    revocations.revoke("alice", int((now - 10) * 1000), int(now) + 1000)
    assert "revoked" not in decided(chat, f"Bearer {token('alice')}")["context"]


def test_type_of_an_agent_is_in_the_context(chat: Any) -> None:
    agent = mint("robot", secret=SECRET, further={"participant_type": "agent"})
    assert decided(chat, f"Bearer {agent}")["context"]["type"] == "agent"
    person = mint("robot", secret=SECRET, further={"participant_type": "human"})
    assert "type" not in decided(chat, f"Bearer {person}")["context"]
