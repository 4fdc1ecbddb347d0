"""The errors of credentials.

    IdentityError
    ├── InvalidCredentials   the request does not have exactly one well-formed credential   (401)
    ├── InvalidToken         the token is not valid                                         (401)
    │   └── InvalidClaims    its signature is valid, its claims are not                     (401)
    └── KeysUnavailable      the signing keys cannot be fetched, so the token is unverified (503)

A `reason` is a fixed sentence for people. It never contains what the client sent, and the errors are raised `from
None`, so that a library's message about a token does not reach a log. A `diagnosis` is for the log, where the
developer of a client reads it: the failing check with the expected and the received value, never a token.
"""

from __future__ import annotations

import json

_MAX_SHOWN = 200
"""Characters of a received value in a diagnosis."""


class IdentityError(Exception):
    """The base of these errors. `reason` may be shown to the client."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class InvalidCredentials(IdentityError):
    """The request has no credential, a malformed one, or different ones."""


class InvalidToken(IdentityError):
    """The token is malformed, forged, expired, not yet valid, or for another service."""

    def __init__(self, reason: str, diagnosis: str = "") -> None:
        super().__init__(reason)
        self.diagnosis = diagnosis or reason


class InvalidClaims(InvalidToken):
    """The token has a valid signature, but is expired, not yet valid, or for another service."""


class KeysUnavailable(IdentityError):
    """The signing keys could not be fetched. The same token may be valid later.

    `retry_after` is the number of seconds until the next attempt to fetch them.
    """

    def __init__(self, reason: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(reason)


def diagnosis_of(error: BaseException) -> str:
    """Return why a credential was refused, for a log. `error` may be one that was raised from an IdentityError."""
    found = error.__cause__ if isinstance(error.__cause__, IdentityError) else error
    return found.diagnosis if isinstance(found, InvalidToken) else str(found)


def shown(value: object) -> str:
    """Return a received value for a diagnosis: JSON in ASCII, shortened."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
