"""Forged and malformed tokens: each is refused, and the reason contains nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import der_to_raw_signature

from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.jwk_set import parse_key_set
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from tests.support.fakes import FakeClock

from .minting import (
    NOW,
    PATIENT,
    SECRET,
    Keys,
    b64,
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

HEADER = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture(scope="session")
def verifier(keys: Keys) -> TokenVerifier:
    published = parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="rsa-1"), ec_jwk(keys.p256, kid="ec-1")))
    settings = IdentitySettings(secret=SECRET, jwks_url="https://idp.example/jwks", issuer=None, audience=None)
    return TokenVerifier(settings, keys=published, clock=FakeClock(NOW).now)


def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(InvalidToken) as caught:
        verifier.verify(token)
    # A log shows no message of a library about the token.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.reason


def rsa_signed(keys: Keys) -> Callable[[bytes], bytes]:
    return lambda signed: keys.rsa.sign(signed, padding.PKCS1v15(), hashes.SHA256())


# The algorithm


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


# The key


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


# The header


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", None, 5, {"b64": True}])
def test_a_token_that_demands_an_extension_is_refused(verifier: TokenVerifier, crit: object) -> None:
    assert "extension" in refusal(verifier, forge(HEADER | {"crit": crit, "exp": NOW}, claims()))


@pytest.mark.parametrize("b64_header", [False, True, None])
def test_an_unencoded_payload_is_refused(verifier: TokenVerifier, b64_header: object) -> None:
    assert "extension" in refusal(verifier, forge(HEADER | {"b64": b64_header}, claims()))


@pytest.mark.parametrize(
    "header",
    [b"", b"null", b"[]", b'"HS256"', b"{", b'{"alg":"HS256"} x', b'{"alg":NaN}', b"\xff\xfe", b"[" * 3000,
     b'{"alg":"none","alg":"HS256"}', b'{"alg":"HS256","alg":"HS256"}', b"\xef\xbb\xbf" + b'{"alg":"HS256"}',
     '{"alg":"HS256"}'.encode("utf-16"), '{"alg":"HS256"}'.encode("utf-32-le"), b"9" * 5000],
)  # fmt: skip
def test_header_that_is_not_a_plain_json_object_is_refused(verifier: TokenVerifier, header: bytes) -> None:
    assert refusal(verifier, forge(header, claims())).startswith("the token ")


# The payload, signed as it should be


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b"[]",
        b'"alice"',
        b"{",
        b'{"sub":"alice","exp":NaN}',
        b'{"sub":"alice","exp":Infinity}',
        b'{"sub":"alice","exp":-Infinity}',
        b'{"sub":"alice","exp":1e400}',
        b'{"sub":"alice","exp":1900000000,"x":NaN}',
        b'{"sub":"alice","exp":1900000000,"x":[-Infinity]}',
        b'{"sub":"alice","exp":' + b"9" * 400 + b"}",
        b'{"sub":"alice","exp":' + b"9" * 5000 + b"}",
        b'{"sub":"alice","sub":"admin","exp":1900000000}',
        b'{"sub":"alice","exp":1900000000,"exp":1}',
        b'{"sub":"alice","s\\u0075b":"admin","exp":1900000000}',
        b'{"sub":"alice","exp":1900000000,"x":[{"a":1,"a":1}]}',
        b'{"sub":"alice","exp":1900000000} {"sub":"admin"}',
        b'{"sub":"alice","exp":1900000000,}',
        b"{'sub':'alice','exp':1900000000}",
        b'{"sub":"alice\\u0000","exp":1900000000}',
        b'{"sub":"\\ud800","exp":1900000000}',
        b'{"sub":"al\xc3","exp":1900000000}',
        '{"sub":"alice","exp":1900000000}'.encode("utf-16"),
        b'{"x":' * 1000 + b"1" + b"}" * 1000,
        b'{"sub":"alice","exp":1900000000,"x":1e999}',
        b'{"sub":"alice","exp":1900000000,"x":' + b"[" * 64 + b"]" * 64 + b"}",
    ],
)
def test_payload_that_is_not_a_json_object_with_valid_claims_is_refused(
    verifier: TokenVerifier, payload: bytes
) -> None:
    assert refusal(verifier, forge(HEADER, payload)).startswith("the token")


def test_claim_names_are_compared_exactly(verifier: TokenVerifier) -> None:
    assert "sub" in refusal(verifier, forge(HEADER, {"Sub": "alice", "sub ": "alice", "exp": NOW + 60}))


# The outer form


def test_a_token_needs_exactly_three_parts(verifier: TokenVerifier) -> None:
    header, payload, signature = hs256(claims()).split(".")
    for token in (
        "",
        ".",
        "..",
        "...",
        header,
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        f"{header}.{payload}.{signature}.",
        f".{header}.{payload}.{signature}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{signature}.{signature}.{signature}",
    ):
        assert refusal(verifier, token) == "the token is not a signed JWT"


@pytest.mark.parametrize("extra", [" ", "\n", "=", "==", "\x00", "é", "\ud800", "+", "/", "٣", "\u200b"])
def test_parts_must_be_base64url(verifier: TokenVerifier, extra: str) -> None:
    header, payload, signature = hs256(claims()).split(".")
    for token in (
        f"{extra}{header}.{payload}.{signature}",
        f"{header}{extra}.{payload}.{signature}",
        f"{header}.{payload}{extra}.{signature}",
        f"{header}.{payload}.{signature}{extra}",
    ):
        assert refusal(verifier, token) == "the token is not a signed JWT"


def test_a_token_has_only_one_spelling(verifier: TokenVerifier) -> None:
    """The last character of 32 bytes in base64 has two bits to spare; Python ignores them when decoding."""
    token = hs256(claims())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twins = [token[:-1] + alphabet[alphabet.index(token[-1]) + surplus] for surplus in (1, 2, 3)]
    for twin in twins:
        assert refusal(verifier, twin) == "the token is not valid base64url"


def test_a_part_of_an_impossible_length_is_refused(verifier: TokenVerifier) -> None:
    header, payload, signature = hs256(claims()).split(".")
    assert "base64url" in refusal(verifier, f"{header}.{payload}.{signature}AA")
    assert refusal(verifier, "A.A.A") == "the token is not valid base64url"


def test_the_json_form_of_a_jws_is_refused(verifier: TokenVerifier) -> None:
    header, payload, signature = hs256(claims()).split(".")
    flat = json.dumps({"protected": header, "payload": payload, "signature": signature})
    assert "signed JWT" in refusal(verifier, flat)


def test_token_of_8192_characters_is_parsed_and_a_longer_one_refused(verifier: TokenVerifier) -> None:
    def padded(filler: int) -> str:
        return forge(HEADER, json.dumps(claims() | {"filler": "x" * filler}).encode())

    fitting = next(token for token in map(padded, range(5800, 6100)) if len(token) in (8191, 8192))
    assert verifier.verify(fitting).participant_id == "alice"
    too_long = next(token for token in map(padded, range(5900, 6200)) if len(token) > 8192)
    assert refusal(verifier, too_long) == "the token is longer than 8192 characters"
    assert refusal(verifier, "é" * 8193) == "the token is longer than 8192 characters"


def test_very_long_text_is_refused_quickly(verifier: TokenVerifier) -> None:
    assert "longer" in refusal(verifier, "a." * 5_000_000)


# Anything at all


@PATIENT
@given(
    text=st.one_of(
        st.text(), st.text(alphabet="aA9-_=. \n\x00é"), st.binary().map(lambda raw: raw.decode("latin-1"))
    )
)
def test_random_text_is_refused_without_other_errors(verifier: TokenVerifier, text: str) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(text)


@pytest.fixture(scope="session")
def good_tokens(verifier: TokenVerifier, keys: Keys) -> list[str]:
    tokens = [hs256(claims()), rs256(claims(), keys.rsa, kid="rsa-1"), es256(claims(), keys.p256, kid="ec-1")]
    assert [verifier.verify(token).participant_id for token in tokens] == ["alice"] * 3
    return tokens


@PATIENT
@given(data=st.data())
def test_any_change_to_a_good_token_makes_it_invalid(
    verifier: TokenVerifier, good_tokens: list[str], data: st.DataObject
) -> None:
    token = data.draw(st.sampled_from(good_tokens))
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 8)))
    piece = data.draw(st.one_of(st.just(""), st.text(alphabet="aQ9-_.=\n", max_size=8), st.text(max_size=3)))
    changed = token[:start] + piece + token[end:]
    if changed == token:
        assert verifier.verify(changed).participant_id == "alice"
    else:
        with pytest.raises(InvalidToken):
            verifier.verify(changed)


@PATIENT
@given(parts=st.permutations([0, 1, 2, 3, 4, 5, 6, 7, 8]))
def test_parts_of_different_good_tokens_do_not_make_another(
    verifier: TokenVerifier, good_tokens: list[str], parts: list[int]
) -> None:
    pieces = [part for token in good_tokens for part in token.split(".")]
    mixed = ".".join(pieces[index] for index in parts[:3])
    if mixed in good_tokens:
        assert verifier.verify(mixed).participant_id == "alice"
    else:
        with pytest.raises(InvalidToken):
            verifier.verify(mixed)


@PATIENT
@given(header=st.binary(max_size=80), payload=st.binary(max_size=80))
def test_random_payload_with_valid_signature_is_refused_without_other_errors(
    verifier: TokenVerifier, header: bytes, payload: bytes
) -> None:
    for token in (forge(header, payload), forge(HEADER, payload), forge(header, claims())):
        with pytest.raises(InvalidToken):
            verifier.verify(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "cty", "jwk", "jku", "zip", "crit", "b64"])
ALGORITHMS = st.sampled_from(["HS256", "RS256", "ES256", "none"])


@PATIENT
@given(header=st.dictionaries(HEADER_NAMES, JSON | ALGORITHMS | st.just("rsa-1")))
def test_any_header_is_refused_or_plain_hs256(verifier: TokenVerifier, header: dict[str, object]) -> None:
    try:
        identity = verifier.verify(forge(header, claims()))
    except InvalidToken:
        return
    assert identity.participant_id == "alice"
    assert header["alg"] == "HS256"
    assert not {"crit", "b64"} & header.keys()


def test_refusals_do_not_contain_parts_of_the_token(verifier: TokenVerifier, keys: Keys) -> None:
    marker = "Zebra-Quagga"
    hostile = [
        forge({"alg": marker}, claims()),
        forge({"alg": "RS256", "kid": marker}, claims(), rsa_signed(keys)),
        forge(HEADER | {"crit": [marker]}, claims()),
        forge(f'{{"{marker}'.encode(), claims()),
        forge(HEADER, f'{{"{marker}": {marker}}}'.encode()),
        forge(HEADER, claims(sub=f"{marker} {marker}")),
        forge(HEADER, claims(exp=marker)),
        forge(HEADER, claims(nbf=marker)),
        hs256(claims(name=marker, exp=1)),
        hs256(claims(), SECRET + marker),
        marker,
        f"{marker}.{marker}.{marker}",
        jwt.encode({"sub": marker}, "", algorithm="none"),
        f"{b64(marker.encode())}.e30.AAAA",
    ]
    for token in hostile:
        reason = refusal(verifier, token)
        assert marker not in reason
        assert not any(part and part in reason for part in token.split("."))
