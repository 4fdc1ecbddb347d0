"""The settings of token verification: accepted values, and the messages for the others."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.identity.settings import IdentitySettings

from .minting import SECRET, Keys, jwk_set, rsa_jwk

JWKS_URL = "https://idp.example/.well-known/jwks.json"


def settings(**changes: Any) -> IdentitySettings:
    return IdentitySettings(**({"secret": SECRET, "jwks_url": None, "issuer": None, "audience": None} | changes))


def test_secret_or_key_url_or_both_are_accepted() -> None:
    assert settings().leeway == 30
    assert settings(secret=None, jwks_url=JWKS_URL).jwks_url == JWKS_URL
    assert settings(jwks_url=JWKS_URL).secret == SECRET


def test_settings_without_secret_and_key_url_are_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r"CHAT_JWKS_URL.*CHAT_JWT_SECRET"):
        settings(secret=None)


@pytest.mark.parametrize("secret", ["", "s" * 31, "é" * 15])
def test_a_secret_below_32_bytes_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"CHAT_JWT_SECRET.*32 bytes"):
        settings(secret=secret)


@pytest.mark.parametrize("secret", ["s" * 32, "é" * 16])
def test_secret_of_32_bytes_is_accepted(secret: str) -> None:
    assert settings(secret=secret).secret == secret


def test_secret_that_is_not_utf8_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="CHAT_JWT_SECRET") as caught:
        settings(secret="hidden-part-\udcff" * 4)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_public_key_as_the_secret_is_refused(keys: Keys) -> None:
    public = keys.rsa.public_key()
    published = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        jwk_set(rsa_jwk(keys.rsa)).decode(),
    ]
    for text in published:
        with pytest.raises(ValueError, match=r"CHAT_JWT_SECRET.*public key"):
            settings(secret=text)


@pytest.mark.parametrize(
    "url",
    [
        JWKS_URL,
        "https://idp.example:8443/keys?version=2",
        "HTTPS://IDP.EXAMPLE/keys",
        "http://localhost:9000/jwks",
        "http://127.0.0.1:9000/jwks",
        "http://127.8.9.1/jwks",
        "http://[::1]:9000/jwks",
    ],
)
def test_key_url_is_https_or_a_loopback_address(url: str) -> None:
    assert settings(secret=None, jwks_url=url).jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "idp.example/jwks",
        "http://idp.example/jwks",
        "http://127.0.0.1.evil.example/jwks",
        "http://127.evil.example/jwks",
        "http://localhost.evil.example/jwks",
        "http://localhost@evil.example/jwks",
        "https://user:word@idp.example/jwks",
        "https:///jwks",
        "https://idp.example:99999/jwks",
        "https://idp.example/jw ks",
        "https://idp.example/jwks\nX-Header: 1",
        "https://[::1/jwks",
        "file:///etc/passwd",
        "ftp://idp.example/jwks",
        "data:application/json,{}",
    ],
)
def test_any_other_key_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="CHAT_JWKS_URL"):
        settings(secret=None, jwks_url=url)


@pytest.mark.parametrize(("field", "variable"), [("issuer", "CHAT_JWT_ISSUER"), ("audience", "CHAT_JWT_AUDIENCE")])
@pytest.mark.parametrize("value", ["", "  "])
def test_blank_issuer_or_audience_is_refused(field: str, variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        settings(**{field: value})


@pytest.mark.parametrize("leeway", [-1, 301, 2**40])
def test_a_leeway_outside_0_to_300_seconds_is_refused(leeway: int) -> None:
    with pytest.raises(ValueError, match="CHAT_JWT_LEEWAY"):
        settings(leeway=leeway)


@pytest.mark.parametrize("leeway", [0, 300])
def test_the_ends_of_the_leeway_are_accepted(leeway: int) -> None:
    assert settings(leeway=leeway).leeway == leeway


def test_settings_are_immutable_and_do_not_show_the_secret() -> None:
    made = settings(audience="chat")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.secret = "other"  # type: ignore[misc]  # what the test is about
    assert SECRET not in repr(made)
    assert "chat" in repr(made)
