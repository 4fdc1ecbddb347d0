"""Tokens forged by algorithm or key: each is refused, and the reason contains nothing of it."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import der_to_raw_signature

from chalicelib.identity.jwk_set import parse_key_set
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from tests.support.fakes import FakeClock
from tests.unit.identity.attacks import HEADER, refusal, rsa_signed, verifier

from .minting import (
    NOW,
    SECRET,
    Keys,
    claims,
    ec_jwk,
    es256,
    forge,
    hmac_with,
    hs256,
    jwk_set,
    private_rsa_jwk,
    rs256,
    rsa_jwk,
)

__all__ = ["verifier"]


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", " none", "none\x00", "", None, 0, False, [], {}])
@pytest.mark.parametrize("signature", [b"", b"x", b"\x00" * 32])
def test_token_without_signature_is_refused_in_any_spelling_of_none(
    verifier: TokenVerifier, alg: object, signature: bytes
) -> None:
    token = forge({"alg": alg}, claims(), lambda _: signature)
    assert refusal(verifier, token) in (
        "the token is not a signed JWT",
        "the token is signed with an algorithm that is not accepted",
    )


@pytest.mark.parametrize(
    "alg",
    ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "ES512", "ES256K", "EdDSA", "hs256", "rs256", "HS256 ",
     ["HS256"], {"HS256": 1}, 256, True],
)  # fmt: skip
def test_other_algorithm_is_refused_even_with_a_valid_signature(verifier: TokenVerifier, alg: object) -> None:
    assert "algorithm" in refusal(verifier, forge({"alg": alg}, claims()))


def test_a_missing_algorithm_is_refused(verifier: TokenVerifier) -> None:
    assert "algorithm" in refusal(verifier, forge({"typ": "JWT"}, claims()))


def test_public_key_is_not_accepted_as_hs256_secret(verifier: TokenVerifier, keys: Keys) -> None:
    public = keys.rsa.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = [
        pem,
        pem.strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        json.dumps(rsa_jwk(keys.rsa, kid="rsa-1")).encode(),
        json.dumps(rsa_jwk(keys.rsa), separators=(",", ":"), sort_keys=True).encode(),
        rsa_jwk(keys.rsa)["n"].encode(),
        b"",
    ]
    for secret in secrets:
        for header in (HEADER, HEADER | {"kid": "rsa-1"}, HEADER | {"kid": "ec-1"}):
            assert "signature" in refusal(verifier, forge(header, claims(), hmac_with(secret)))


def test_secret_is_not_accepted_for_other_algorithms(verifier: TokenVerifier) -> None:
    for header in ({"alg": "RS256", "kid": "rsa-1"}, {"alg": "ES256", "kid": "ec-1"}):
        assert "signature" in refusal(verifier, forge(header, claims()))


def test_a_key_of_another_type_is_not_found_under_its_id(verifier: TokenVerifier, keys: Keys) -> None:
    assert "unknown key" in refusal(verifier, rs256(claims(), keys.rsa, kid="ec-1"))
    assert "unknown key" in refusal(verifier, es256(claims(), keys.p256, kid="rsa-1"))


def test_an_rsa_signature_under_the_name_of_es256_is_refused(verifier: TokenVerifier, keys: Keys) -> None:
    token = forge({"alg": "ES256", "kid": "ec-1"}, claims(), rsa_signed(keys))
    assert "signature" in refusal(verifier, token)


def test_a_signature_by_another_key_is_refused(verifier: TokenVerifier, keys: Keys) -> None:
    other_curve = forge(
        {"alg": "ES256", "kid": "ec-1"},
        claims(),
        lambda signed: der_to_raw_signature(keys.p384.sign(signed, ec.ECDSA(hashes.SHA256())), keys.p384.curve),
    )
    for token in (rs256(claims(), keys.other_rsa, kid="rsa-1"), other_curve, hs256(claims(), SECRET + "!")):
        assert "signature" in refusal(verifier, token)


@pytest.mark.parametrize("length", [1, 16, 31])
def test_truncated_signature_is_refused(verifier: TokenVerifier, length: int) -> None:
    token = forge(HEADER, claims(), lambda signed: hmac_with(SECRET.encode())(signed)[:length])
    assert "signature" in refusal(verifier, token)


def test_an_es256_signature_in_der_form_is_refused(verifier: TokenVerifier, keys: Keys) -> None:
    """RFC 7518 section 3.4 has the two numbers side by side, in 64 bytes."""
    token = forge(
        {"alg": "ES256", "kid": "ec-1"}, claims(), lambda signed: keys.p256.sign(signed, ec.ECDSA(hashes.SHA256()))
    )
    assert "signature" in refusal(verifier, token)


@pytest.mark.parametrize("signature", [b"\x00" * 64, b"\xff" * 64, b"\x00" * 63 + b"\x01", b"\x01", b"\x00" * 65])
def test_an_es256_signature_of_degenerate_numbers_is_refused(verifier: TokenVerifier, signature: bytes) -> None:
    token = forge({"alg": "ES256", "kid": "ec-1"}, claims(), lambda _: signature)
    assert "signature" in refusal(verifier, token)


@pytest.mark.parametrize(
    "signature", [b"\x00" * 256, b"\xff" * 256, b"\x01", b"\x00" * 257, b"\x00" * 255 + b"\x01"]
)
def test_an_rs256_signature_of_degenerate_numbers_is_refused(verifier: TokenVerifier, signature: bytes) -> None:
    token = forge({"alg": "RS256", "kid": "rsa-1"}, claims(), lambda _: signature)
    assert "signature" in refusal(verifier, token)


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "rsa-2",
        "rsa-1 ",
        "RSA-1",
        "../rsa-1",
        "' OR 1=1 --",
        "/dev/null",
        "rsa-1\x00",
        "https://evil.example/k",
    ],
)
def test_a_key_id_is_only_ever_compared(verifier: TokenVerifier, keys: Keys, kid: str) -> None:
    assert "unknown key" in refusal(verifier, rs256(claims(), keys.rsa, kid=kid))


@pytest.mark.parametrize("kid", [7, True, ["rsa-1"], {"kid": "rsa-1"}])
def test_key_id_that_is_not_a_string_is_refused(verifier: TokenVerifier, keys: Keys, kid: object) -> None:
    token = forge({"alg": "RS256", "kid": kid}, claims(), rsa_signed(keys))
    assert "key id" in refusal(verifier, token)


def test_key_in_the_token_header_is_ignored(verifier: TokenVerifier, keys: Keys) -> None:
    brought = {
        "jwk": rsa_jwk(keys.other_rsa, kid="rsa-1"),
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/cert",
        "x5c": ["AAAA"],
    }
    assert "signature" in refusal(verifier, rs256(claims(), keys.other_rsa, kid="rsa-1", **brought))
    assert "unknown key" in refusal(verifier, rs256(claims(), keys.other_rsa, kid="mine", **brought))


def test_a_published_rsa_key_below_2048_bits_verifies_nothing(keys: Keys) -> None:
    settings = IdentitySettings(secret=None, jwks_url="https://idp.example/jwks", issuer=None, audience=None)
    published = parse_key_set(jwk_set(rsa_jwk(keys.weak_rsa, kid="weak")))
    weak = TokenVerifier(settings, keys=published, clock=FakeClock(NOW).now)
    token = forge(
        {"alg": "RS256", "kid": "weak"},
        claims(),
        lambda signed: keys.weak_rsa.sign(signed, padding.PKCS1v15(), hashes.SHA256()),
    )
    assert "unknown key" in refusal(weak, token)


def test_an_es256_token_of_a_published_p384_key_is_refused(keys: Keys) -> None:
    settings = IdentitySettings(secret=None, jwks_url="https://idp.example/jwks", issuer=None, audience=None)
    published = parse_key_set(jwk_set(ec_jwk(keys.p384, kid="p384"), ec_jwk(keys.p384, kid="lying", alg="ES256")))
    curve = TokenVerifier(settings, keys=published, clock=FakeClock(NOW).now)
    for kid in ("p384", "lying"):
        token = forge(
            {"alg": "ES256", "kid": kid},
            claims(),
            lambda signed: der_to_raw_signature(
                keys.p384.sign(signed, ec.ECDSA(hashes.SHA256())), keys.p384.curve
            ),
        )
        assert "unknown key" in refusal(curve, token)


def test_a_key_whose_private_half_was_published_verifies_nothing(keys: Keys) -> None:
    settings = IdentitySettings(secret=None, jwks_url="https://idp.example/jwks", issuer=None, audience=None)
    published = parse_key_set(jwk_set(private_rsa_jwk(keys.rsa, kid="leaked", key_ops=None)))
    leaked = TokenVerifier(settings, keys=published, clock=FakeClock(NOW).now)
    assert "unknown key" in refusal(leaked, rs256(claims(), keys.rsa, kid="leaked"))
