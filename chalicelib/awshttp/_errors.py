"""The errors of this package.

    Exception
    ├── ServiceError    the service answered with an error
    ├── NoResponse      no usable response arrived in time: the outcome is unknown
    └── ProtocolError   the peer sent bytes that are not an HTTP/1.1 response

A `ProtocolError` ends one connection. To a transfer it is a missing response, like a timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """The service answered with an error. `response` has the shape of the SDK's `ClientError.response`."""

    def __init__(self, response: Mapping[str, Any], operation: str) -> None:
        super().__init__(f"{operation} failed with {response['Error']['Code']}")
        self.response = response


class NoResponse(Exception):
    """No usable response arrived in time. Whether the service executed the operation is unknown."""


class ProtocolError(Exception):
    """The received bytes are not an HTTP/1.1 response."""
