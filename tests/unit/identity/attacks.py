"""A verifier of tokens, and the refusal of a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.jwk_set import parse_key_set
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from tests.support.fakes import FakeClock

from .minting import NOW, SECRET, Keys, ec_jwk, jwk_set, rsa_jwk

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
