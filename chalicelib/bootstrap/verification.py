"""Verifying tokens, with the errors of the core."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unauthorized, Unavailable
from chalicelib.identity.errors import IdentityError, KeysUnavailable
from chalicelib.identity.jwks import JwksKeys
from chalicelib.identity.model import Identity
from chalicelib.identity.tokens import TokenVerifier
from chalicelib.settings import Settings


def token_verifier(settings: Settings, clock: Clock) -> Callable[[str], Identity]:
    """Return a function that verifies tokens, with errors of the core: Unauthorized and Unavailable."""
    identity = settings.identity
    keys = None
    if identity.jwks_url is not None:
        keys = JwksKeys(identity.jwks_url, clock=clock.monotonic, max_age=identity.max_age, grace=identity.grace)

    def read_secret(name: str) -> str:
        from chalicelib.aws import ssm

        return settings.checked_secret(ssm.read_secret(name, settings.region))

    verifier = TokenVerifier(identity, keys=keys, clock=clock.now, read_secret=read_secret)

    def verify(token: str) -> Identity:
        try:
            return verifier.verify(token)
        except KeysUnavailable as error:
            raise Unavailable(retry_after=retry_after(error.retry_after)) from error
        except IdentityError as error:
            raise Unauthorized(str(error)) from error

    return verify
