"""Verifying tokens, with the errors of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unauthorized, Unavailable
from chalicelib.identity.errors import IdentityError, KeysUnavailable
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.identity.either import Verifier


def token_verifier(settings: Settings, clock: Clock) -> Callable[[str], Identity]:
    """Return a function that verifies tokens, with errors of the core: Unauthorized and Unavailable."""
    verifier: Verifier = _verifier(settings, settings.identity, clock)
    if settings.identity.second is not None:
        from chalicelib.identity.either import EitherVerifier

        verifier = EitherVerifier(verifier, _verifier(settings, settings.identity.second, clock))

    def verify(token: str) -> Identity:
        try:
            return verifier.verify(token)
        except KeysUnavailable as error:
            raise Unavailable(retry_after=retry_after(error.retry_after)) from error
        except IdentityError as error:
            raise Unauthorized(str(error)) from error

    return verify


def _verifier(settings: Settings, identity: IdentitySettings, clock: Clock) -> TokenVerifier:
    keys = None
    if identity.jwks_url is not None:
        from chalicelib.identity.jwks import JwksKeys

        keys = JwksKeys(identity.jwks_url, clock=clock.now, max_age=identity.max_age, grace=identity.grace)

    def read_secret(name: str) -> str:
        from chalicelib.aws import ssm

        return settings.checked_secret(ssm.read_secret(name, settings.region))

    return TokenVerifier(identity, keys=keys, clock=clock.now, read_secret=read_secret)
