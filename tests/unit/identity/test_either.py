"""Two verifiers at the same time: tokens of both are accepted, and no error reveals which one refused."""

from __future__ import annotations

import jwt
import pytest

from chalicelib.identity.either import EitherVerifier
from chalicelib.identity.errors import InvalidClaims, InvalidToken, KeysUnavailable
from chalicelib.identity.jwk_set import parse_key_set
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import KeySource, TokenVerifier
from tests.support.fakes import FakeClock

from .minting import NOW, SECRET, Keys, claims, hs256, jwk_set, rs256, rsa_jwk

NEXT_SECRET = "the-next-secret-which-has-32-bytes-or-more"
FOREIGN = "a-foreign-secret-which-has-32-bytes-or-more"
ISSUER = "https://idp.example/"


class UnreachableKeys:
    """A key source that is unreachable."""

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        raise KeysUnavailable("unreachable", retry_after=7.0)


def by_secret(secret: str) -> TokenVerifier:
    return TokenVerifier(IdentitySettings(secret, None, None, None), keys=None, clock=FakeClock(NOW).now)


def by_keys(source: KeySource) -> TokenVerifier:
    settings = IdentitySettings(None, "https://idp.example/jwks", ISSUER, "chat")
    return TokenVerifier(settings, keys=source, clock=FakeClock(NOW).now)


@pytest.fixture
def moving(keys: Keys) -> EitherVerifier:
    """Return the verifier of a stage that moves from a secret to the keys of a provider."""
    return EitherVerifier(by_keys(parse_key_set(jwk_set(rsa_jwk(keys.rsa, kid="1")))), by_secret(SECRET))


def provider_token(keys: Keys, **changes: object) -> str:
    return rs256(claims(**({"iss": ISSUER, "aud": "chat"} | changes)), keys.rsa, kid="1")


def refusal(verifier: EitherVerifier, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        verifier.verify(token)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    return str(refused.value)


def test_tokens_of_both_secrets_are_accepted_while_the_secret_is_rotated() -> None:
    for verifiers in ((by_secret(SECRET), by_secret(NEXT_SECRET)), (by_secret(NEXT_SECRET), by_secret(SECRET))):
        rotating = EitherVerifier(*verifiers)
        identities = [rotating.verify(hs256(claims(), secret)) for secret in (SECRET, NEXT_SECRET)]
        assert identities[0] == identities[1], "an identity does not depend on the issuer"
        refusal(rotating, hs256(claims(), FOREIGN))


def test_each_issuer_has_its_own_claims(moving: EitherVerifier, keys: Keys) -> None:
    assert moving.verify(hs256(claims())).participant_id == "alice"
    assert moving.verify(provider_token(keys)).participant_id == "alice"
    assert refusal(moving, provider_token(keys, iss=None)) == "the token is from another issuer"
    assert refusal(moving, provider_token(keys, aud="mail")) == "the token is for another audience"


def test_refusal_does_not_reveal_an_issuer(moving: EitherVerifier, keys: Keys) -> None:
    forged = [
        hs256(claims(), FOREIGN),
        rs256(claims(iss=ISSUER, aud="chat"), keys.other_rsa, kid="1"),
        rs256(claims(iss=ISSUER, aud="chat"), keys.rsa, kid="2"),
        jwt.encode(claims(), "", "none"),
        "no token",
    ]
    assert {refusal(moving, token) for token in forged} == {"the token is not valid"}
    expired = [hs256(claims(exp=NOW - 60)), provider_token(keys, exp=NOW - 60)]
    assert {refusal(moving, token) for token in expired} == {"the token has expired"}


def test_error_of_a_valid_signature_is_one_of_claims(moving: EitherVerifier) -> None:
    with pytest.raises(InvalidClaims):
        moving.verify(hs256(claims(exp=NOW - 60)))


@pytest.mark.parametrize("is_first", [True, False])
def test_unreachable_keys_do_not_affect_tokens_of_the_other_issuer(is_first: bool, keys: Keys) -> None:
    pair = (by_keys(UnreachableKeys()), by_secret(SECRET))
    either = EitherVerifier(*(pair if is_first else reversed(pair)))
    assert either.verify(hs256(claims())).participant_id == "alice"
    with pytest.raises(KeysUnavailable) as caught:
        either.verify(provider_token(keys))
    assert caught.value.retry_after == 7.0
    refusal(either, hs256(claims(), FOREIGN))
