"""Malformed headers, payloads and tokens: each is refused, and the reason contains nothing of it."""

from __future__ import annotations

import json

import pytest

from chalicelib.identity.tokens import TokenVerifier
from tests.unit.identity.attacks import HEADER, refusal, verifier

from .minting import NOW, claims, forge, hs256

__all__ = ["verifier"]


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
