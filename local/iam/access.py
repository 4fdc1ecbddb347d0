"""What a request asks for, in IAM's terms, and why it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from aiohttp import web

_CONNECTIONS = "/@connections/"


class Access(NamedTuple):
    """One permission that a request needs."""

    action: str
    resource: str

    def redacted(self) -> Access:
        """As it may stand in records and messages: without the id of a socket."""
        resource, separator, _ = self.resource.partition(_CONNECTIONS)
        return Access(self.action, f"{resource}{separator}*") if separator else self


class RequestDenied(Exception):
    """The request is not let through; `kind` is the code that the SDK makes its error of."""

    def __init__(self, code: str, message: str, accesses: Iterable[Access] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.accesses = tuple(accesses)
        """What is denied; empty if the request asks for nothing that could be allowed or denied."""


class Service(Protocol):
    """One of those that the guard stands before."""

    signing_name: str
    """As it stands in the scope of a signature."""

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """What the request needs, each once.

        Raises Refusal for what is malformed, and for what is not known.
        """
        ...

    def error_response(self, denial: RequestDenied) -> web.Response:
        """A refusal as the service words it."""
        ...
