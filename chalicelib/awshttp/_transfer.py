"""What an exchange carries out (`exchange.py`)."""

from __future__ import annotations

from typing import Protocol

from chalicelib.awshttp._http11 import Response


class Transfer(Protocol):
    """What is to be asked, until it is satisfied."""

    def next_request(self) -> bytes:
        """The whole next request, head and body; empty if a connection is all that is wanted."""
        ...

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        """An answer to it, None if there was none: after how many seconds to send the next one, None for never.

        `unseen`: the connection had been kept, and was closed before anything of an answer came in. Most
        likely the request was not even looked at.
        """
        ...


class Preconnect:
    """Wants a connection, and asks nothing."""

    def next_request(self) -> bytes:
        """Nothing."""
        return b""

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        """Never again."""
        return None
