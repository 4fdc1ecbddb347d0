"""Tokens of services: the scope and the client decide, and neither alone makes a participant."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.identity.claims import validate_claims
from chalicelib.identity.errors import InvalidClaims
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings

from .minting import NOW, SECRET

TIMES = {"iat": NOW, "exp": NOW + 3600}
COGNITO = {"sub": "7example", "client_id": "7example", "token_use": "access", "version": 2, **TIMES}
AUTH0 = {"sub": "a0example@clients", "azp": "a0example", "aud": "chat", "gty": "client-credentials", **TIMES}
KEYCLOAK = {
    "sub": "5d1f8a52-7f43-4bb6-8f05-3f6f3f0f8c11",
    "azp": "backend",
    "client_id": "backend",
    "aud": ["chat", "account"],
    "typ": "Bearer",
    "preferred_username": "service-account-backend",
    **TIMES,
}
SHAPES = {
    "cognito": (COGNITO, "chat-api/service", "7example"),
    "auth0": (AUTH0, "chat:service", "a0example"),
    "keycloak": (KEYCLOAK, "chat-service", "backend"),
}
"""Claims in the shapes that the providers document for client credentials, a scope, and the client id."""


def settings(scope: str | None, *clients: str, **changes: Any) -> IdentitySettings:
    defaults: dict[str, Any] = {"secret": SECRET, "jwks_url": None, "issuer": None, "audience": "chat"}
    return IdentitySettings(**defaults | changes, service_scope=scope, service_clients=clients)


def verified(claims: dict[str, Any], under: IdentitySettings) -> Identity:
    return validate_claims(claims, under, NOW)


@pytest.mark.parametrize("provider", SHAPES)
def test_listed_client_with_the_scope_is_a_service(provider: str) -> None:
    claims, scope, client = SHAPES[provider]
    found = verified({**claims, "scope": f"profile {scope}"}, settings(scope, "other", client))
    assert (found.service, found.participant_id, found.name) == (client, "", None)


@pytest.mark.parametrize("provider", SHAPES)
def test_unlisted_client_with_the_scope_is_refused(provider: str) -> None:
    claims, scope, client = SHAPES[provider]
    with pytest.raises(InvalidClaims) as caught:
        verified({**claims, "scope": scope, "aud": "chat"}, settings(scope, f"{client}-2"))
    assert client in caught.value.diagnosis
    assert client not in caught.value.reason


@pytest.mark.parametrize(
    "scope", ["", "chat:service2", "chat:Service", "x:chat:service", "chat", ["chat:service"], 1]
)
def test_another_scope_makes_no_service(scope: object) -> None:
    found = verified({**AUTH0, "scope": scope}, settings("chat:service", "a0example"))
    assert (found.service, found.participant_id) == (None, "a0example@clients")


def test_scope_makes_no_service_without_the_setting() -> None:
    assert verified({**AUTH0, "scope": "chat:service"}, settings(None)).service is None


@pytest.mark.parametrize("azp", ["spa", "", None, 7, ["backend"]])
def test_listed_subject_does_not_replace_another_client(azp: object) -> None:
    with pytest.raises(InvalidClaims):
        verified({**AUTH0, "azp": azp, "sub": "backend", "scope": "s"}, settings("s", "backend"))


def test_subject_names_the_client_if_nothing_else_does() -> None:
    claims = {"sub": "backend", "scope": "s", **TIMES}
    assert verified(claims, settings("s", "backend")).service == "backend"


def test_missing_audience_is_accepted_only_for_a_service() -> None:
    under = settings("s", "7example")
    assert verified({**COGNITO, "scope": "s"}, under).service == "7example"
    for claims in ({**COGNITO, "scope": "other"}, {**COGNITO, "scope": "s", "aud": "another-api"}):
        with pytest.raises(InvalidClaims, match="audience"):
            verified(claims, under)


def test_issuer_and_expiry_of_a_service_are_checked() -> None:
    under = settings("s", "7example", issuer="https://issuer.example")
    with pytest.raises(InvalidClaims, match="issuer"):
        verified({**COGNITO, "scope": "s"}, under)
    with pytest.raises(InvalidClaims, match="expired"):
        verified({**COGNITO, "scope": "s", "exp": NOW - 60}, settings("s", "7example"))


@pytest.mark.parametrize(
    ("scope", "clients"), [("s", ()), (None, ("a",)), ("two scopes", ("a",)), ("s", ("a", "")), ("s", ("a b",))]
)
def test_incomplete_or_malformed_settings_are_refused(scope: str | None, clients: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="CHAT_SERVICE_"):
        settings(scope, *clients)
