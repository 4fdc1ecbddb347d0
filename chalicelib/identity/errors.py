"""The errors of credentials.

    IdentityError
    ├── InvalidCredentials   the request does not have exactly one well-formed credential   (401)
    ├── InvalidToken         the token is not valid                                         (401)
    │   └── InvalidClaims    its signature is valid, its claims are not                     (401)
    └── KeysUnavailable      the signing keys cannot be fetched, so the token is unverified (503)

A `reason` is a fixed sentence for people. It never contains what the client sent, and the errors are raised
`from None`, so that a library's message about a token does not reach a log.
"""

from __future__ import annotations


class IdentityError(Exception):
    """The base of these errors. `reason` may be shown to the client."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class InvalidCredentials(IdentityError):
    """The request has no credential, a malformed one, or different ones."""


class InvalidToken(IdentityError):
    """The token is malformed, forged, expired, not yet valid, or for another service."""


class InvalidClaims(InvalidToken):
    """The token has a valid signature, but is expired, not yet valid, or for another service."""


class KeysUnavailable(IdentityError):
    """The signing keys could not be fetched. The same token may be valid later.

    `retry_after` is the number of seconds until the next attempt to fetch them.
    """

    def __init__(self, reason: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(reason)
