"""The bodies of HTTP responses about endpoints."""

from __future__ import annotations

from typing_extensions import TypedDict

from chalicelib.core.protocol.endpoint_objects import Endpoint


class Endpoints(TypedDict):
    """All endpoints."""

    endpoints: list[Endpoint]
    """The endpoints, in the order of their creation."""
