"""Which of the keys that a provider publishes are used, and for which tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm

from chalicelib.identity.jwk_set import parse_key_set

from .minting import Keys, b64, ec_jwk, jwk_set, private_rsa_jwk, rsa_jwk


def found(jwk: object, algorithm: str = "RS256", kid: str | None = "k") -> bool:
    return parse_key_set(jwk_set(jwk)).find(kid, algorithm) is not None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"use": "sig"},
        {"alg": "RS256"},
        {"key_ops": ["verify"]},
        {"key_ops": ["verify", "encrypt"], "use": "sig", "alg": "RS256", "x5t": "ignored"},
    ],
)
def test_public_rsa_key_for_signatures_is_usable_for_rs256(keys: Keys, members: dict[str, Any]) -> None:
    jwk = rsa_jwk(keys.rsa, kid="k", **({"key_ops": None} | members))
    assert found(jwk)
    assert not found(jwk, "ES256")
    assert not found(jwk, "HS256")
    assert not found(jwk, kid="other")


def test_public_p256_key_is_usable_for_es256(keys: Keys) -> None:
    jwk = ec_jwk(keys.p256, kid="k", use="sig", alg="ES256")
    assert found(jwk, "ES256")
    assert not found(jwk, "RS256")


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": None, "key_ops": ["sign"]},
        {"use": "SIG"},
        {"use": 1},
        {"alg": "RS512"},
        {"alg": "RSA-OAEP"},
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"key_ops": []},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kty": "EC"},
        {"kty": "oct"},
        {"kty": "rsa"},
        {"kty": ["RSA"]},
        {"kty": None},
        {"n": None},
        {"n": ""},
        {"n": 7},
        {"n": "!"},
        {"e": None},
        {"e": "AQ"},
        {"e": "Ag"},
        {"e": ["AQAB"]},
        {"k": "c2VjcmV0"},
        {"d": "AQAB"},
        {"d": ""},
    ],
)
def test_an_rsa_key_that_is_broken_or_for_something_else_is_ignored(keys: Keys, members: dict[str, Any]) -> None:
    assert found(rsa_jwk(keys.rsa, kid="k"))
    assert not found(rsa_jwk(keys.rsa, kid="k", **members))


@pytest.mark.parametrize(
    "members",
    [
        {"crv": None},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": ["P-256"]},
        {"x": None},
        {"y": None},
        {"y": ""},
        {"x": "AAAA"},
        {"x": b64(b"\x01" * 32)},
        {"x": b64(b"\x00" * 33)},
        {"d": b64(b"\x01" * 32)},
    ],
)
def test_an_ec_key_that_is_broken_or_on_another_curve_is_ignored(keys: Keys, members: dict[str, Any]) -> None:
    assert found(ec_jwk(keys.p256, kid="k"), "ES256")
    assert not found(ec_jwk(keys.p256, kid="k", **members), "ES256")


def test_keys_of_other_types_are_ignored(keys: Keys) -> None:
    okp = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    symmetric = {"kty": "oct", "k": b64(b"s" * 32)}
    ignored: list[object] = [
        okp, symmetric, rsa_jwk(keys.weak_rsa), ec_jwk(keys.p384), private_rsa_jwk(keys.rsa, key_ops=None),
        {}, {"kty": "unheard-of"}, None, 5, "key", [],
    ]  # fmt: skip
    published = parse_key_set(jwk_set(*ignored))
    for algorithm in ("RS256", "ES256", "HS256", "EdDSA", "none"):
        assert published.find(None, algorithm) is None


def test_broken_key_does_not_affect_the_others(keys: Keys) -> None:
    published = parse_key_set(jwk_set({"kty": "RSA"}, None, rsa_jwk(keys.rsa, kid="good")))
    assert published.find("good", "RS256") is not None


def test_only_key_of_a_type_is_found_without_an_id(keys: Keys) -> None:
    published = parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="a"), ec_jwk(keys.p256)))
    assert published.find(None, "RS256") is published.find("a", "RS256") is not None
    assert published.find(None, "ES256") is not None


def test_keys_without_an_id_are_not_found_by_an_id(keys: Keys) -> None:
    published = parse_key_set(jwk_set(rsa_jwk(keys.rsa), rsa_jwk(keys.other_rsa, kid=5)))
    assert published.find("a", "RS256") is None
    assert published.find("5", "RS256") is None


def test_two_keys_of_a_type_are_found_by_id_only(keys: Keys) -> None:
    published = parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="a"), rsa_jwk(keys.other_rsa, kid="b")))
    assert published.find(None, "RS256") is None
    assert published.find("a", "RS256") is not published.find("b", "RS256")


def test_id_of_two_keys_of_one_type_is_ambiguous(keys: Keys) -> None:
    shared = parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="k"), ec_jwk(keys.p256, kid="k")))
    assert shared.find("k", "RS256") is not None
    assert shared.find("k", "ES256") is not None
    doubled = parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="k"), rsa_jwk(keys.other_rsa, kid="k")))
    assert doubled.find("k", "RS256") is None


def test_empty_set_is_accepted() -> None:
    assert parse_key_set(b'{"keys": []}').find(None, "RS256") is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"<html>",
        b'{"keys": [',
        b"\xff",
        b"[" * 200_000,
    ],
)
def test_document_that_is_not_a_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):
        parse_key_set(document)


VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=8),
    st.binary(max_size=40).map(b64),
    st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["RSA", "EC", "oct", "P-256", "sig", "AQAB", "RS256", "ES256"]),
)
MEMBERS = st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops"])


@given(jwks=st.lists(st.dictionaries(MEMBERS, VALUES), max_size=4), based=st.booleans())
def test_random_members_of_keys_are_accepted_or_ignored(
    keys: Keys, jwks: list[dict[str, Any]], based: bool
) -> None:
    base = {"kty": "RSA", "e": "AQAB", "crv": "P-256"} if based else {}
    published = parse_key_set(
        json.dumps({"keys": [base | jwk for jwk in jwks] + [rsa_jwk(keys.rsa, kid="good-one")]}).encode()
    )
    assert published.find("good-one", "RS256") is not None
