"""What a service of AWS says when it does not do what it was asked, whichever client asked it.

Our own client raises `ServiceError` and `NoResponse`. The SDK's raises kinds of its own, which mean the same; they
are known by where they come from, for importing the SDK just to name them would cost a cold start more than all
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """The service has answered with an error; `response` has the form that the SDK gives it."""

    def __init__(self, response: Mapping[str, Any], operation: str) -> None:
        super().__init__(f"{response['Error']['Code']} on {operation}")
        self.response = response


class NoResponse(Exception):
    """There was no answer in time, or none that could be understood."""


def response(error: Exception) -> Mapping[str, Any] | None:
    """What the service said; None if that is not what the error is about."""
    said = getattr(error, "response", None)
    return said if isinstance(said, Mapping) and "Error" in said else None


def is_network_error(error: Exception) -> bool:
    """Whether no answer came in: a kind of our own, or one of the SDK's."""
    return isinstance(error, NoResponse) or type(error).__module__ == "botocore.exceptions"
