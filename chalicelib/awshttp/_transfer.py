"""The work that a multiplexer runs.

A transfer is a sequence of requests, one after the other, with at most one in flight. It decides with each
response whether and when the next request is sent; the multiplexer decides on which connection.
"""

from __future__ import annotations

from typing import Protocol

from chalicelib.awshttp._http11 import Response


class Transfer(Protocol):
    """Requests that depend on each other's responses: a frame and its retries, or several frames in order."""

    def next_request(self) -> bytes:
        """Return the next request, head and body; empty if all that is wanted is an open connection."""
        ...

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        """Return after how many seconds the next request is to be sent, or None if the transfer is complete.

        `response` is None if no response arrived: the connection failed, or timed out. `safe_to_retry` means that
        it failed as idle connections do: it was open from an earlier request, and was closed before the first byte
        of a response. The peer then most likely closed it before the request arrived (RFC 9112 section 9.3.1).
        """
        ...


class Preconnect:
    """A transfer that opens a connection and sends nothing."""

    def next_request(self) -> bytes:
        """Return an empty request."""
        return b""

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        """Complete: a connection that cannot be opened is not tried again."""
        return None
