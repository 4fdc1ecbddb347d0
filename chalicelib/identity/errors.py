"""What can be wrong with a credential.

    IdentityError
    ├── InvalidCredentials   nothing was verified: the request does not carry one usable credential   (401)
    ├── InvalidToken         the token was looked at and does not hold                                (401)
    └── KeysUnavailable      the token could not be judged: its signing keys are out of reach         (503)

A `reason` is a fixed sentence for a person. It never repeats a part of what the client sent, and these
errors are raised `from None`, so that no library's message about a token travels along in a log.
"""

from __future__ import annotations


class IdentityError(Exception):
    """Base of the three; `reason` is what was wrong, in words that may be shown to anybody."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class InvalidCredentials(IdentityError):
    """The request carries a malformed credential, or several that contradict each other."""


class InvalidToken(IdentityError):
    """The token is malformed, forged, expired, not yet valid, or not meant for this service."""


class KeysUnavailable(IdentityError):
    """The signing keys could not be fetched; the same token may hold a little later.

    `retry_after` is in seconds: before that, no new attempt is made to fetch them.
    """

    def __init__(self, reason: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(reason)
