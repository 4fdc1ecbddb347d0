"""A request's required permissions in IAM's terms, and its denial."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from aiohttp import web

_CONNECTIONS = "/@connections/"


class Access(NamedTuple):
    """One permission that a request requires."""

    action: str
    resource: str

    def redacted(self) -> Access:
        """Return it without the connection id, for records and messages."""
        resource, separator, _ = self.resource.partition(_CONNECTIONS)
        return Access(self.action, f"{resource}{separator}*") if separator else self


class RequestDenied(Exception):
    """The request is denied; `code` is the error code from which the SDK selects its exception."""

    def __init__(self, code: str, message: str, accesses: Iterable[Access] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.accesses = tuple(accesses)
        """The denied permissions; empty if the request was rejected for another reason."""


class Service(Protocol):
    """One of the services behind the guard."""

    signing_name: str
    """The service name in the scope of a signature."""

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """Return the permissions that the request requires, without duplicates.

        Raises RequestDenied for a malformed request or an unknown operation.
        """
        ...

    def error_response(self, denial: RequestDenied) -> web.Response:
        """Return the denial in the service's error format."""
        ...
