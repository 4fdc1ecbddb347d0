"""Random tokens, and random changes to good ones: each is refused, and the reason contains nothing of it."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.tokens import TokenVerifier
from tests.unit.identity.attacks import HEADER, refusal, rsa_signed, verifier

from .minting import SECRET, Keys, b64, claims, es256, forge, hs256, rs256

__all__ = ["verifier"]


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
