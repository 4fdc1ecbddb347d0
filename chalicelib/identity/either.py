"""Verification of tokens of two issuers, for the time in which keys are rotated."""

from __future__ import annotations

from typing import Protocol

from chalicelib.identity.errors import InvalidClaims, InvalidToken, KeysUnavailable, diagnosis_of
from chalicelib.identity.model import Identity

_NAMES = ("first", "second")


class Verifier(Protocol):
    """Verifies tokens."""

    def verify(self, token: str) -> Identity:
        """Return the identity in a token. Raises `InvalidToken` or `KeysUnavailable`."""


class EitherVerifier:
    """Accepts the tokens that one of two verifiers accepts.

    No error depends on which of them that is, but for its diagnosis, which only the log shows.
    """

    def __init__(self, first: Verifier, second: Verifier) -> None:
        self._verifiers = (first, second)

    def verify(self, token: str) -> Identity:
        """Return the identity in a token.

        Raises:
            KeysUnavailable: neither verifier accepts the token, and one of them could not verify it now.
            InvalidClaims: it has a valid signature.
            InvalidToken: otherwise, always with the same reason.
        """
        errors: list[InvalidToken | KeysUnavailable] = []
        for verifier in self._verifiers:
            try:
                return verifier.verify(token)
            except (InvalidToken, KeysUnavailable) as error:
                errors.append(error)
        raise _combined(errors) from None


def _combined(errors: list[InvalidToken | KeysUnavailable]) -> InvalidToken | KeysUnavailable:
    unavailable = [error for error in errors if isinstance(error, KeysUnavailable)]
    if unavailable:
        return min(unavailable, key=lambda error: error.retry_after)
    named = zip(_NAMES, errors, strict=True)
    diagnosis = "; ".join(f"{name} issuer: {diagnosis_of(error)}" for name, error in named)
    claims = [error for error in errors if isinstance(error, InvalidClaims)]
    if claims:
        return InvalidClaims(claims[0].reason, diagnosis)
    return InvalidToken("the token is not valid", diagnosis)
