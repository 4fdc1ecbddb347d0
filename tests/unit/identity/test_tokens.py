"""Verification of whole tokens, and the choice of the key."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from chalicelib.identity.errors import InvalidToken, KeysUnavailable
from chalicelib.identity.jwk_set import KeySet, parse_key_set
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.signatures import verify_signature
from chalicelib.identity.tokens import KeySource, TokenVerifier
from tests.support.fakes import FakeClock

from .minting import NOW, SECRET, Keys, claims, ec_jwk, es256, hs256, jwk_set, rs256, rsa_jwk

ALICE = Identity("alice", "Alice", NOW + 3600, NOW + 3600 - 30 * 24 * 3600)
JWKS_URL = "https://idp.example/jwks"


class UnreachableKeys:
    """A key source that is unreachable."""

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        raise KeysUnavailable("unreachable", retry_after=7.0)


def verifier(
    keys: KeySource | None = None, secret: str | None = SECRET, clock: FakeClock | None = None, **changes: Any
) -> TokenVerifier:
    url = None if keys is None else JWKS_URL
    settings = IdentitySettings(
        **({"secret": secret, "jwks_url": url, "issuer": None, "audience": None} | changes)
    )
    return TokenVerifier(settings, keys=keys, clock=(clock or FakeClock(NOW)).now)


@pytest.fixture(scope="session")
def published(keys: Keys) -> KeySet:
    return parse_key_set(
        jwk_set(
            rsa_jwk(keys.rsa, kid="rsa-1", use="sig", alg="RS256"),
            rsa_jwk(keys.other_rsa, kid="rsa-2"),
            ec_jwk(keys.p256, kid="ec-1", use="sig"),
        )
    )


def test_hs256_is_verified_by_the_secret() -> None:
    assert verifier().verify(hs256(claims())) == ALICE


def test_rs256_is_verified_by_the_public_key_that_the_token_names(published: KeySet, keys: Keys) -> None:
    strict = verifier(published, secret=None)
    assert strict.verify(rs256(claims(), keys.rsa, kid="rsa-1")) == ALICE
    assert strict.verify(rs256(claims(), keys.other_rsa, kid="rsa-2")) == ALICE


def test_es256_is_verified_by_the_public_key_that_the_token_names(published: KeySet, keys: Keys) -> None:
    assert verifier(published, secret=None).verify(es256(claims(), keys.p256, kid="ec-1")) == ALICE


def test_algorithm_determines_the_key_if_both_are_configured(published: KeySet, keys: Keys) -> None:
    both = verifier(published)
    assert both.verify(hs256(claims())) == ALICE
    assert both.verify(hs256(claims(), kid="rsa-1")) == ALICE
    assert both.verify(rs256(claims(), keys.rsa, kid="rsa-1")) == ALICE


def test_an_algorithm_without_a_configured_key_source_is_refused(published: KeySet, keys: Keys) -> None:
    with pytest.raises(InvalidToken, match="algorithm"):
        verifier(published, secret=None).verify(hs256(claims()))
    for token in (rs256(claims(), keys.rsa, kid="rsa-1"), es256(claims(), keys.p256, kid="ec-1")):
        with pytest.raises(InvalidToken, match="algorithm"):
            verifier().verify(token)


def test_token_without_key_id_is_verified_if_one_key_matches(published: KeySet, keys: Keys) -> None:
    strict = verifier(published, secret=None)
    assert strict.verify(es256(claims(), keys.p256)) == ALICE
    with pytest.raises(InvalidToken, match="unknown key"):  # there are two RSA keys
        strict.verify(rs256(claims(), keys.rsa))


def test_secret_is_used_as_utf8_bytes() -> None:
    secret = "pässwörter-für-die-entwicklung-🔑"
    assert verifier(secret=secret).verify(hs256(claims(), secret)) == ALICE


def test_unreachable_keys_leave_the_token_unverified(keys: Keys) -> None:
    with pytest.raises(KeysUnavailable) as caught:
        verifier(UnreachableKeys()).verify(rs256(claims(), keys.rsa, kid="rsa-1"))
    assert caught.value.retry_after == 7.0
    assert verifier(UnreachableKeys()).verify(hs256(claims())) == ALICE


def test_clock_and_leeway_are_those_passed() -> None:
    clock = FakeClock(NOW + 3600 + 59)
    patient = verifier(clock=clock, leeway=60)
    assert patient.verify(hs256(claims())) == ALICE
    clock.advance(1)
    with pytest.raises(InvalidToken, match="expired"):
        patient.verify(hs256(claims()))


def test_default_clock_is_the_time_of_day() -> None:
    settings = IdentitySettings(secret=SECRET, jwks_url=None, issuer=None, audience=None)
    now_verifier = TokenVerifier(settings, keys=None)
    assert now_verifier.verify(hs256(claims(exp=int(time.time()) + 600))).participant_id == "alice"
    with pytest.raises(InvalidToken, match="expired"):
        now_verifier.verify(hs256(claims(exp=int(time.time()) - 600)))


def test_issuer_and_audience_of_the_settings_are_checked() -> None:
    chat = verifier(issuer="https://idp.example/", audience="chat")
    assert chat.verify(hs256(claims(iss="https://idp.example/", aud=["chat", "other"]))) == ALICE
    with pytest.raises(InvalidToken, match="issuer"):
        chat.verify(hs256(claims(iss="https://evil.example/", aud="chat")))
    with pytest.raises(InvalidToken, match="audience"):
        chat.verify(hs256(claims(iss="https://idp.example/", aud="mail")))


def test_a_jwks_url_without_a_key_source_is_refused_at_construction() -> None:
    settings = IdentitySettings(secret=SECRET, jwks_url=JWKS_URL, issuer=None, audience=None)
    with pytest.raises(ValueError, match="`keys` is required"):
        TokenVerifier(settings, keys=None)


def test_a_verifier_does_not_show_its_secret() -> None:
    assert SECRET not in repr(verifier())


def test_es256_example_of_rfc_7515_is_valid() -> None:
    """Appendix A.3: a signature that was made by none of the libraries here."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    token = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    key = jwt.PyJWK(jwk, "ES256")
    assert verify_signature(token, key, "ES256")
    assert not verify_signature(token.replace(".DtEh", ".DtEi"), key, "ES256")


def test_secret_of_the_parameter_is_read_again_at_its_maximum_age() -> None:
    clock, parameter = FakeClock(1_000_000.0), Parameter()
    verifier = parameter.verifier(clock)
    assert parameter.accepts(verifier, clock, "1")
    parameter.value = "2"
    clock.advance(59.9)
    assert parameter.accepts(verifier, clock, "1")
    assert parameter.reads == 1
    clock.advance(0.1)
    assert not parameter.accepts(verifier, clock, "1")
    assert parameter.accepts(verifier, clock, "2")
    assert parameter.reads == 2


def test_secret_is_used_during_the_grace_and_then_unavailable() -> None:
    clock, parameter = FakeClock(1_000_000.0), Parameter()
    verifier = parameter.verifier(clock)
    assert parameter.accepts(verifier, clock, "1")
    parameter.value = None
    clock.advance(60.0)
    for _ in range(3):
        assert parameter.accepts(verifier, clock, "1")
    assert parameter.reads == 2, "a failed read is not repeated for each token"
    clock.advance(39.9)
    assert parameter.accepts(verifier, clock, "1")
    clock.advance(0.1)
    with pytest.raises(KeysUnavailable):
        parameter.accepts(verifier, clock, "1")
    parameter.value = "1"
    assert parameter.accepts(verifier, clock, "1")


class Parameter:
    """A parameter with a secret, which is named by a digit; None: it cannot be read."""

    def __init__(self) -> None:
        self.value: str | None = "1"
        self.reads = 0

    def read(self, name: str) -> str:
        self.reads += 1
        if self.value is None:
            raise KeysUnavailable("the secret parameter cannot be read now", retry_after=1)
        return self.value * 32

    def verifier(self, clock: FakeClock) -> TokenVerifier:
        settings = IdentitySettings(None, None, None, None, secret_parameter="/chat/secret", max_age=60, grace=40)
        return TokenVerifier(settings, keys=None, clock=clock.now, read_secret=self.read)

    def accepts(self, verifier: TokenVerifier, clock: FakeClock, digit: str) -> bool:
        token = jwt.encode({"sub": "alice", "exp": int(clock.now()) + 500}, digit * 32, "HS256")
        try:
            return verifier.verify(token).participant_id == "alice"
        except InvalidToken:
            return False
