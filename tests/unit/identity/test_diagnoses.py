"""Diagnoses of refused tokens: the failing check with the expected and the received value, for the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.identity.credentials import bearer_token
from chalicelib.identity.either import EitherVerifier
from chalicelib.identity.errors import InvalidCredentials, InvalidToken, diagnosis_of, shown
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier

from .minting import forge, hs256

NOW = 1_800_000_000
SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = IdentitySettings(secret=SECRET, jwks_url=None, issuer="https://a.example", audience="chat")
CLAIMS: dict[str, Any] = {"sub": "alice", "exp": NOW + 60, "iss": "https://a.example", "aud": "chat"}


class NoKeys:
    """An empty key set."""

    def find(self, kid: str | None, algorithm: str) -> None:
        """Find nothing."""


def verifier(settings: IdentitySettings = SETTINGS) -> TokenVerifier:
    return TokenVerifier(settings, keys=None, clock=lambda: NOW)


def diagnosis(claims: dict[str, Any]) -> str:
    with pytest.raises(InvalidToken) as refused:
        verifier().verify(hs256(claims, SECRET))
    return diagnosis_of(refused.value)


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name != claim}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (CLAIMS | {"iss": "https://b.example"}, 'iss: expected "https://a.example", got "https://b.example"'),
        (without("iss"), 'iss: expected "https://a.example", there is none'),
        (CLAIMS | {"aud": ["web", "app"]}, 'aud: expected "chat", got ["web", "app"]'),
        (without("aud"), 'aud: expected "chat", there is none'),
        (without("sub"), "sub: expected 1 to 255 visible ASCII characters, there is none"),
        (CLAIMS | {"sub": 7}, "sub: expected 1 to 255 visible ASCII characters, got 7"),
        (without("exp"), "exp: there is none"),
        (CLAIMS | {"exp": NOW - 90}, "exp: expired 90 s ago (leeway 30 s)"),
        (CLAIMS | {"nbf": NOW + 90}, "nbf: valid in 90 s"),
    ],
)
def test_failing_claim_is_named_with_both_values(claims: dict[str, Any], expected: str) -> None:
    assert diagnosis(claims) == expected


def test_algorithm_is_named_with_the_setting_that_it_needs() -> None:
    settings = replace(SETTINGS, secret=None, jwks_url="https://a.example/keys")
    needed = {"HS256": "CHAT_JWT_SECRET or CHAT_JWT_SECRET_PARAMETER", "none": "to be HS256, RS256 or ES256"}
    for algorithm, needs in needed.items():
        token = forge({"alg": algorithm}, CLAIMS)
        with pytest.raises(InvalidToken) as refused:
            TokenVerifier(settings, keys=NoKeys(), clock=lambda: NOW).verify(token)
        assert diagnosis_of(refused.value) == f'alg: "{algorithm}" needs {needs}'
    with pytest.raises(InvalidToken) as refused:
        verifier().verify(forge({"alg": "RS256"}, CLAIMS))
    assert diagnosis_of(refused.value) == 'alg: "RS256" needs CHAT_JWKS_URL'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"kid": "k1"}, 'kid: the key set lacks a key "k1" for RS256'),
        ({}, "kid: the key set does not have exactly one key for RS256"),
    ],
)
def test_unknown_key_is_named(header: dict[str, str], expected: str) -> None:
    settings = replace(SETTINGS, secret=None, jwks_url="https://a.example/keys")
    with pytest.raises(InvalidToken) as refused:
        TokenVerifier(settings, keys=NoKeys(), clock=lambda: NOW).verify(forge({"alg": "RS256", **header}, CLAIMS))
    assert diagnosis_of(refused.value) == expected


def test_wrong_signature_has_the_reason_as_its_diagnosis() -> None:
    with pytest.raises(InvalidToken) as refused:
        verifier().verify(hs256(CLAIMS, "another secret of at least thirty-two"))
    assert diagnosis_of(refused.value) == "the token's signature is not valid"


def test_diagnosis_of_two_issuers_names_both() -> None:
    other = replace(SETTINGS, issuer="https://c.example", audience=None, prefix="CHAT_SECOND_")
    with pytest.raises(InvalidToken) as refused:
        EitherVerifier(verifier(), verifier(other)).verify(hs256(CLAIMS | {"iss": "x"}, SECRET))
    assert diagnosis_of(refused.value) == (
        'first issuer: iss: expected "https://a.example", got "x";'
        ' second issuer: iss: expected "https://c.example", got "x"'
    )


def test_diagnosis_of_an_error_of_the_core_is_that_of_its_cause() -> None:
    error = Unauthorized("the token has expired")
    error.__cause__ = InvalidToken("the token has expired", "exp: expired 90 s ago")
    assert diagnosis_of(error) == "exp: expired 90 s ago"
    assert diagnosis_of(Unauthorized("The token has expired.")) == "The token has expired."


def test_missing_credential_is_diagnosed() -> None:
    with pytest.raises(InvalidCredentials) as refused:
        bearer_token("")
    assert diagnosis_of(refused.value) == str(refused.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("é\n", '"\\u00e9\\n"'), ("x" * 300, '"' + "x" * 199 + "..."), (None, "null"), ({1}, "a value of type set")],
)
def test_received_value_is_short_and_ascii(value: object, expected: str) -> None:
    assert shown(value) == expected
