"""Exit statuses of the command line."""

from __future__ import annotations

import httpx

from ..errors import ChatError, RefusedError, UnavailableError

FAILED = 1
USAGE = 2
UNAUTHORIZED = 3
NOT_FOUND = 4
UNAVAILABLE = 5
INTERRUPTED = 130


class CommandError(ChatError):
    """A failure with an exit status, and a message for the user."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def exit_status(error: Exception) -> int:
    """Return the exit status of an error."""
    match error:
        case CommandError():
            return error.status
        case RefusedError(code="UNAUTHORIZED" | "TOKEN_EXPIRED") | RefusedError(status=401):
            return UNAUTHORIZED
        case httpx.InvalidURL():
            return USAGE
        case RefusedError(code="NOT_FOUND"):
            return NOT_FOUND
        case UnavailableError() | TimeoutError():
            return UNAVAILABLE
        case _:
            return FAILED
